// SPDX-License-Identifier: Apache-2.0

/// One thing that is wrong with the configuration: which key, where it stands, and what is allowed.
public struct ConfigurationFault: Error, Sendable, Hashable, CustomStringConvertible {
    /// The option as it was spelled, `[group] key`; nil where no option is concerned (a file that cannot be read).
    public let key: String?
    /// Where the value stands; nil where it is missing.
    public let origin: ConfigurationOrigin?
    /// What is wrong and what is allowed. Never holds the value of a secret option.
    public let reason: String

    public init(key: String?, origin: ConfigurationOrigin?, reason: String) {
        self.key = key
        self.origin = origin
        self.reason = reason
    }

    public var description: String {
        switch (key, origin) {
        case (let key?, let origin?): "\(key) (\(origin)): \(reason)"
        case (let key?, nil): "\(key): \(reason)"
        case (nil, let origin?): "\(origin): \(reason)"
        case (nil, nil): reason
        }
    }
}

/// Everything that is wrong with a configuration, at once.
public struct ConfigurationFaults: Error, Sendable, Hashable, CustomStringConvertible {
    /// At least one.
    public let faults: [ConfigurationFault]

    public init(_ faults: [ConfigurationFault]) { self.faults = faults }

    public var description: String {
        let count = faults.count == 1 ? "one fault" : "\(faults.count) faults"
        return (["the configuration has \(count):"] + faults.map { "  \($0)" }).joined(separator: "\n")
    }
}

/// Something in the configuration that works, and should be written differently.
public struct ConfigurationWarning: Sendable, Hashable, CustomStringConvertible {
    /// The option as it was spelled.
    public let key: OptionName
    /// Where it stands.
    public let origin: ConfigurationOrigin
    /// What to write instead, and why.
    public let reason: String

    public init(key: OptionName, origin: ConfigurationOrigin, reason: String) {
        self.key = key
        self.origin = origin
        self.reason = reason
    }

    public var description: String { "\(key) (\(origin)): \(reason)" }
}

/// A setting that the worker accepts and does not use.
public struct IgnoredSetting: Sendable, Hashable, CustomStringConvertible {
    /// The option as it was spelled.
    public let key: OptionName
    /// Where it stands.
    public let origin: ConfigurationOrigin
    /// Why it is not used, as far as that is known.
    public let reason: String
    /// The option that may have been meant.
    public let suggestion: OptionName?

    public init(key: OptionName, origin: ConfigurationOrigin, reason: String, suggestion: OptionName? = nil) {
        self.key = key
        self.origin = origin
        self.reason = reason
        self.suggestion = suggestion
    }

    public var description: String {
        let text = "\(key) (\(origin)) is ignored: \(reason)"
        return suggestion.map { "\(text). Did you mean \($0)?" } ?? text
    }
}
