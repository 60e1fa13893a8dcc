// SPDX-License-Identifier: Apache-2.0

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
