// SPDX-License-Identifier: Apache-2.0

public import ComputeModel

/// Writes notifications: one message for each configured form and topic.
public struct NotificationEncoder: Sendable {
    /// The topic exchange; nova's control exchange.
    public let exchange: String
    /// `notifications` unless configured otherwise; the routing key adds the priority.
    public let topics: [String]
    /// Empty: notifications are switched off.
    public let forms: [NotificationForm]
    private let identifiers: any IdentifierSource

    /// - Parameter identifiers: where the messages' `_unique_id` come from.
    public init(
        exchange: String = "nova", topics: [String] = ["notifications"], forms: [NotificationForm],
        identifiers: any IdentifierSource = RandomIdentifiers()
    ) {
        self.exchange = exchange
        self.topics = topics
        self.forms = forms
        self.identifiers = identifiers
    }

    /// The messages that carry a notification.
    public func encode(_ notification: Notification) -> [EncodedMessage] {
        forms.flatMap { form in topics.map { encode(notification, form: form, topic: $0) } }
    }

    private func encode(_ notification: Notification, form: NotificationForm, topic: String) -> EncodedMessage {
        var message: JSONObject = [
            "message_id": .string(notification.messageID.dashed),
            "publisher_id": .string(notification.publisherID),
            "event_type": .string(notification.eventType),
            "priority": .string(notification.priority.rawValue),
            "payload": notification.payload,
            "timestamp": .string(notification.timestamp.spaced),
        ]
        if form.hasUniqueID { message.append(newKey: "_unique_id", .string(identifiers.next().hex)) }
        message.append(notification.context)
        // Mandatory: the queue that the publisher declared may be deleted later, and the event would be lost unsaid.
        return EncodedMessage(
            exchange: exchange, routingKey: notification.priority.routingKey(topic: topic), isMandatory: true,
            body: Envelope.bytes(message, form: form.wireForm))
    }
}

extension NotificationPriority {
    /// `<topic>.<priority in lower case>`: the routing key, and the name of the queue.
    public func routingKey(topic: String) -> String { "\(topic).\(queueSuffix)" }

    private var queueSuffix: String {
        switch self {
        case .debug: "debug"
        case .info: "info"
        case .warn: "warn"
        case .error: "error"
        case .critical: "critical"
        }
    }
}
