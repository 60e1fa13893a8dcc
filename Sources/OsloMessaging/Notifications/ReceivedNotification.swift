// SPDX-License-Identifier: Apache-2.0

public import ComputeModel

/// A notification as somebody sent it, in whichever form; texts are kept as they came.
public struct ReceivedNotification: Sendable, Hashable {
    public let form: NotificationForm
    /// A uuid in nova's notifications.
    public let messageID: String
    public let publisherID: String
    public let eventType: String
    /// Upper case; other services have priorities of their own (`SAMPLE`, `AUDIT`).
    public let priority: String
    public let timestamp: String
    public let payload: JSONValue
    /// Empty where the sender has none. May hold a token: Folsom's services send theirs.
    public let context: RequestContext
    /// What a repeat of the same message is recognised by; Folsom's have none.
    public let uniqueID: String?
    /// The event's number among its instance's, without a gap; only workers of this kind send one.
    public let sequence: Int64?

    /// Reads a notification of any form.
    ///
    /// - Parameter sequence: the message's header of that name, where it has one.
    public init(
        _ body: [UInt8], sequence: Int64? = nil, limits: JSONLimits = JSONLimits()
    ) throws(MalformedMessage) {
        self.sequence = sequence
        let (wireForm, object) = try MessageDecoder(limits: limits).object(body)
        func text(_ key: String) throws(MalformedMessage) -> String {
            guard case .string(let text)? = object[key] else {
                throw MalformedMessage(.badField, "a notification's '\(key)' must be a string", form: wireForm)
            }
            return text
        }
        eventType = try text("event_type")
        messageID = try text("message_id")
        publisherID = try text("publisher_id")
        priority = try text("priority")
        timestamp = try text("timestamp")
        guard let payload = object["payload"] else {
            throw MalformedMessage(.badField, "a notification must hold a 'payload'", form: wireForm)
        }
        self.payload = payload
        uniqueID = object["_unique_id"]?.string
        context = MessageDecoder.context(object)
        form = wireForm == .enveloped ? .messagingV2 : uniqueID == nil ? .flat : .messaging
    }
}
