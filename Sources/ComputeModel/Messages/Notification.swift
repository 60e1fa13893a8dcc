// SPDX-License-Identifier: Apache-2.0

/// How much a notification matters; the queue's name ends in the lower-case form.
public enum NotificationPriority: String, Sendable, Hashable, CaseIterable {
    case debug = "DEBUG"
    case info = "INFO"
    case warn = "WARN"
    case error = "ERROR"
    case critical = "CRITICAL"
}

/// An event as the programs that watch the notification exchange see it.
public struct Notification: Sendable, Hashable {
    /// Made with the event and kept through every retry, so that a consumer can drop a repeat.
    public let messageID: UniqueBits
    /// `compute.<host>`.
    public let publisherID: String
    /// `compute.instance.create.start`.
    public let eventType: String
    public let priority: NotificationPriority
    public let timestamp: Timestamp
    public let payload: JSONValue
    /// The context of the request that caused it, without its token.
    public let context: RequestContext

    public init(
        messageID: UniqueBits, publisherID: String, eventType: String, priority: NotificationPriority,
        timestamp: Timestamp, payload: JSONValue, context: RequestContext
    ) {
        self.messageID = messageID
        self.publisherID = publisherID
        self.eventType = eventType
        self.priority = priority
        self.timestamp = timestamp
        self.payload = payload
        self.context = context.redacted()
    }
}
