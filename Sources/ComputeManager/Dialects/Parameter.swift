// SPDX-License-Identifier: Apache-2.0

/// An argument of a wire method, as its dialect's table declares it.
public struct Parameter: Sendable, Hashable {
    /// What a value of it is, in JSON's terms.
    public enum Kind: String, Sendable, Hashable {
        case instance
        case object
        case array
        case string
        case integer
        case boolean
        /// Of several kinds; the schema says which.
        case any
    }

    public let name: String
    public let kind: Kind
    /// Whether a request without it, or with null, is refused.
    public let isRequired: Bool
    /// Whether it holds something that nobody may read in a log or an event.
    public let isSecret: Bool

    init(_ name: String, _ kind: Kind, isRequired: Bool = false, isSecret: Bool = false) {
        self.name = name
        self.kind = kind
        self.isRequired = isRequired
        self.isSecret = isSecret
    }

    /// The instance that the method is about.
    static let instance = Parameter("instance", .instance, isRequired: true)
}
