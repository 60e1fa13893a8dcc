// SPDX-License-Identifier: Apache-2.0

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
