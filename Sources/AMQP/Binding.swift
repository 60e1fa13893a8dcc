// SPDX-License-Identifier: Apache-2.0

/// A binding of a queue to an exchange.
public struct Binding: Sendable, Hashable {
    /// Empty inside a `Subscription`: the subscription's own queue.
    public var queue: String
    public var exchange: String
    public var routingKey: String
    public var arguments: FieldTable

    public init(queue: String = "", exchange: String, routingKey: String, arguments: FieldTable = [:]) {
        self.queue = queue
        self.exchange = exchange
        self.routingKey = routingKey
        self.arguments = arguments
    }
}
