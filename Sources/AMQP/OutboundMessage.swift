// SPDX-License-Identifier: Apache-2.0

/// A message to publish.
public struct OutboundMessage: Sendable {
    /// Empty: the default exchange, where the routing key is a queue's name.
    public var exchange: String
    public var routingKey: String
    /// A message that no queue takes comes back as `PublishError.returned`.
    public var mandatory: Bool
    public var properties: MessageProperties
    public var body: [UInt8]
    /// Made once per connection, before the first message that names them, and again after the broker has returned such
    /// a message.
    public var declarations: [Declaration]

    public init(
        exchange: String, routingKey: String, mandatory: Bool = false, properties: MessageProperties = .json,
        body: [UInt8], declarations: [Declaration] = []
    ) {
        self.exchange = exchange
        self.routingKey = routingKey
        self.mandatory = mandatory
        self.properties = properties
        self.body = body
        self.declarations = declarations
    }
}
