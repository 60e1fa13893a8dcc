// SPDX-License-Identifier: Apache-2.0

/// An exchange as it is to be declared.
public struct Exchange: Sendable, Hashable {
    public enum Kind: String, Sendable, Hashable {
        case direct, fanout, topic, headers
    }

    public var name: String
    public var kind: Kind
    /// An exchange that exists with the other value is accepted as it is (with a notice in the log).
    public var durable: Bool
    public var autoDelete: Bool
    /// Only asks that the exchange exists; the other properties are not compared.
    public var passive: Bool
    public var arguments: FieldTable

    public init(
        name: String, kind: Kind, durable: Bool = false, autoDelete: Bool = false, passive: Bool = false,
        arguments: FieldTable = [:]
    ) {
        self.name = name
        self.kind = kind
        self.durable = durable
        self.autoDelete = autoDelete
        self.passive = passive
        self.arguments = arguments
    }
}
