// SPDX-License-Identifier: Apache-2.0

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
