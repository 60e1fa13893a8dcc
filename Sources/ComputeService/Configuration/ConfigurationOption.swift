// SPDX-License-Identifier: Apache-2.0

/// One option of the configuration, as the option table declares it.
///
/// The parser, the typed ``WorkerConfiguration``, `config show` and the sample file read nothing else.
public struct ConfigurationOption: Sendable {
    /// What an option has where nobody sets it.
    public enum Fallback: Sendable, Hashable {
        /// Nothing: the option is optional.
        case nothing
        /// A value, written as in a file (and interpolated like one).
        case value(String)
        /// A value found out about this machine; the text says which.
        case fact(HostFact, saying: String)
    }

    /// What the worker does with an option.
    public enum Standing: Sendable, Hashable {
        /// Read into ``WorkerConfiguration``.
        case served
        /// Read, and folded into another option that should be written instead.
        case superseded(by: OptionName)
        /// Checked, and nothing more: only what nova has by default is served.
        case checked
        /// Known, accepted, not used; the text says why.
        case ignored(because: String)
    }

    /// Today's name.
    public let name: OptionName
    /// What values it takes.
    public let kind: OptionKind
    /// What it has where nobody sets it.
    public let fallback: Fallback
    /// Older names, in the order in which they are looked for; each is accepted with a warning.
    public let aliases: [OptionName]
    /// Whether the value must never be shown.
    public let isSecret: Bool
    /// Whether it may change while the worker runs.
    public let isMutable: Bool
    /// What the worker does with it.
    public let standing: Standing
    /// A value that the sample file sets rather than shows.
    public let sample: String?
    /// One line that says what it is, with its unit.
    public let help: String

    public init(
        _ group: String,
        _ key: String,
        _ kind: OptionKind,
        default fallback: Fallback = .nothing,
        aliases: [OptionName] = [],
        secret: Bool = false,
        mutable: Bool = false,
        standing: Standing = .served,
        sample: String? = nil,
        _ help: String
    ) {
        name = OptionName(group, key)
        self.kind = kind
        self.fallback = fallback
        self.aliases = aliases
        isSecret = secret
        isMutable = mutable
        self.standing = standing
        self.sample = sample
        self.help = help
    }
}

extension ConfigurationOption.Fallback: ExpressibleByStringLiteral {
    public init(stringLiteral value: String) { self = .value(value) }
}
