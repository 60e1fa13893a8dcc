// SPDX-License-Identifier: Apache-2.0

/// A message that the broker delivered.
public struct Delivery: Sendable {
    public let tag: DeliveryTag
    /// Grows with each connection, and whenever the broker cancels a consumer: what it had delivered before may come
    /// again after that, with ``redelivered`` set.
    public let epoch: UInt64
    /// Index into the list of subscriptions that this connection was made with.
    public let subscription: Int
    public let redelivered: Bool
    public let exchange: String
    public let routingKey: String
    public let properties: MessageProperties
    /// The whole body, or its first 4 KiB when `truncatedSize` is set.
    public let body: [UInt8]
    /// The size that a body over the cap had, in bytes; nil for a body that is here as a whole.
    public let truncatedSize: UInt64?

    public init(
        tag: DeliveryTag, epoch: UInt64, subscription: Int, redelivered: Bool, exchange: String, routingKey: String,
        properties: MessageProperties, body: [UInt8], truncatedSize: UInt64? = nil
    ) {
        self.tag = tag
        self.epoch = epoch
        self.subscription = subscription
        self.redelivered = redelivered
        self.exchange = exchange
        self.routingKey = routingKey
        self.properties = properties
        self.body = body
        self.truncatedSize = truncatedSize
    }
}
