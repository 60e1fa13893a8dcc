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
