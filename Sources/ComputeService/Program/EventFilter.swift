// SPDX-License-Identifier: Apache-2.0

internal import ComputeModel
internal import OsloMessaging

/// Which notifications somebody wants to see.
public struct EventFilter: Sendable {
    let typePrefix: String?
    let instance: String?
    /// After how many to end; nil for never.
    let count: Int?

    public init(typePrefix: String?, instance: String?, count: Int?) {
        self.typePrefix = typePrefix
        self.instance = instance?.lowercased()
        self.count = count
    }

    func admits(_ notification: ReceivedNotification) -> Bool {
        if let typePrefix, !notification.eventType.hasPrefix(typePrefix) { return false }
        guard let instance else { return true }
        return notification.payload["instance_id"]?.string == instance
            || notification.payload["instance_uuid"]?.string == instance
    }
}

extension ToolOutput {
    /// A notification: one line for people, the whole of it without its context for programs.
    init(_ notification: ReceivedNotification) {
        let payload = notification.payload
        var line = "\(notification.timestamp.prefix(23))  \(notification.priority)  "
        line += notification.eventType + String(repeating: " ", count: max(2, 36 - notification.eventType.count))
        line += payload["instance_id"]?.string ?? "-"
        if let state = payload["state"]?.string { line += "  \(state)" }
        if let task = payload["state_description"]?.string, !task.isEmpty { line += " (\(task))" }
        if let host = payload["host"]?.string { line += "  \(host)" }
        if let sequence = notification.sequence { line += "  #\(sequence)" }
        self.init(
            text: line,
            json: JSONWriter.text([
                "message_id": .string(notification.messageID), "publisher_id": .string(notification.publisherID),
                "event_type": .string(notification.eventType), "priority": .string(notification.priority),
                "timestamp": .string(notification.timestamp), "payload": payload,
                "request_id": JSONValue(notification.context.requestID),
                "sequence": notification.sequence.map { .number(JSONNumber($0)) } ?? .null,
            ]))
    }
}
