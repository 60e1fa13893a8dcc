// SPDX-License-Identifier: Apache-2.0

/// A message ready for the broker, and where it goes.
public struct EncodedMessage: Sendable, Hashable {
    /// Empty: the default exchange, where the routing key names a queue.
    public let exchange: String
    public let routingKey: String
    /// Whether a message that reaches no queue is an error to us.
    public let isMandatory: Bool
    public let body: [UInt8]
    /// Header values that go with it.
    public let headers: [String: String]
    /// How long the broker keeps it for a consumer, in milliseconds; nil is for ever.
    public let expiration: Int?
    /// The number of this event among its instance's, from 1 without a gap; nil where nothing is numbered.
    public let sequence: Int64?

    public init(
        exchange: String, routingKey: String, isMandatory: Bool, body: [UInt8], headers: [String: String] = [:],
        expiration: Int? = nil, sequence: Int64? = nil
    ) {
        self.exchange = exchange
        self.routingKey = routingKey
        self.isMandatory = isMandatory
        self.body = body
        self.headers = headers
        self.expiration = expiration
        self.sequence = sequence
    }
}
