// SPDX-License-Identifier: Apache-2.0

internal import ComputeManager
internal import ComputeModel
internal import OsloMessaging

/// The events as their consumers know them: each once, in the order in which they came.
struct EventBook {
    struct Event {
        let type: String
        let messageID: String
        let requestID: String?
        /// The instance that it is about; nil for the failure of a method.
        let instance: String?
        let state: String?
        /// Its place among the events of its instance.
        let sequence: Int64?
        /// Whose events it is counted among.
        let key: String?
        /// The whole period of usage that it tells of; nil for what tells of none, or of a part of one.
        let period: String?
    }

    /// What consumers received, repeats left out.
    private(set) var received: [Event] = []
    /// What nobody wanted to receive, so that it was dropped, repeats left out.
    private(set) var dropped: [Event] = []
    /// Casts to the scheduler, by the request that they came from, repeats left out.
    private(set) var casts: [String: Int] = [:]
    private var seen: Set<String> = []
    private var byRequest: [String: [Event]] = [:]

    init(_ ledger: Ledger, form: NotificationForm) {
        for message in ledger.received where message.kind == .notification {
            guard let event = read(message, form) else { continue }
            received.append(event)
        }
        for message in ledger.returned where message.kind == .notification {
            guard let event = read(message, form) else { continue }
            dropped.append(event)
        }
        for event in received + dropped {
            if let id = event.requestID { byRequest[id, default: []].append(event) }
        }
        var bodies: Set<[UInt8]> = []
        for message in ledger.received
        where message.kind == .cast && !message.routingKey.hasPrefix("compute") && bodies.insert(message.body).inserted {
            guard let id = (try? MessageDecoder().decode(message.body))?.context.requestID else { continue }
            casts[id, default: 0] += 1
        }
    }

    /// The event, if it is of that form and was not seen before.
    private mutating func read(_ message: WireMessage, _ form: NotificationForm) -> Event? {
        guard let notification = try? ReceivedNotification(message.body), notification.form == form,
            seen.insert(notification.messageID).inserted
        else { return nil }
        let payload = notification.payload
        return Event(
            type: notification.eventType, messageID: notification.messageID,
            requestID: notification.context.requestID, instance: payload["instance_id"]?.string,
            state: payload["state"]?.string, sequence: message.sequence,
            key: payload["instance_id"]?.string ?? payload["instance"]?["uuid"]?.string, period: Self.period(payload))
    }

    /// An hour from its beginning to its end.
    private static func period(_ payload: JSONValue) -> String? {
        guard let first = payload["audit_period_beginning"]?.string, let last = payload["audit_period_ending"]?.string,
            let beginning = Timestamp(first), let end = Timestamp(last),
            end.microseconds - beginning.microseconds == 3_600_000_000
        else { return nil }
        return first
    }

    /// How many events of a type a request brought about.
    func count(_ type: String, of request: String) -> Int { byRequest[request]?.count { $0.type == type } ?? 0 }
}
