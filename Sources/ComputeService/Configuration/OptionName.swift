// SPDX-License-Identifier: Apache-2.0

/// The name of an option: its group (a section of the file) and its key.
public struct OptionName: Sendable, Hashable {
    /// `DEFAULT`, or a group's name in lower case.
    public let group: String
    /// The key as it stands in the file.
    public let key: String

    /// A name whose group is normalised as oslo.config does: `DEFAULT` is exact, every other group is case-insensitive.
    public init(_ group: String, _ key: String) {
        self.group = group == Self.defaultGroup ? group : group.lowercased()
        self.key = key
    }

    /// The group of options that have no other.
    public static let defaultGroup = "DEFAULT"

    /// The environment variable that sets this option, in oslo.config's form `OS_<GROUP>__<OPTION>`.
    public var environmentVariable: String { "OS_\(group.uppercased())__\(key.uppercased())" }
}

extension OptionName: CustomStringConvertible {
    public var description: String { "[\(group)] \(key)" }
}
