// SPDX-License-Identifier: Apache-2.0

import ComputeModel
import OsloMessaging
import Testing

@Suite("Notifications have the three forms of nova's drivers")
struct NotificationTests {
    @Test("recorded ones are read, and written again say the same", arguments: try Golden.notifications())
    func recorded(message: Golden.Message) throws {
        let content = try message.content()
        let received = try ReceivedNotification(message.body)
        #expect(received.eventType == content["event_type"]?.string)
        #expect(received.payload == content["payload"])
        #expect(
            received.form == (message.isEnveloped ? .messagingV2 : content["_unique_id"] == nil ? .flat : .messaging))

        let notification = Notification(
            messageID: try #require(InstanceID(received.messageID)?.bits), publisherID: received.publisherID,
            eventType: received.eventType, priority: try #require(NotificationPriority(rawValue: received.priority)),
            timestamp: try #require(Timestamp(received.timestamp)), payload: received.payload, context: received.context
        )
        let encoded = NotificationEncoder(forms: [received.form]).encode(notification)
        #expect(encoded.count == 1)
        #expect(encoded[0].exchange == message.exchange)
        #expect(encoded[0].routingKey == message.routingKey)
        var again = try Golden.Message(file: "", role: "", exchange: "", routingKey: "", body: encoded[0].body)
            .content()
        var expected = content
        // Fresh for each message, and never sent by us.
        again["_unique_id"] = content["_unique_id"]
        if expected["_context_auth_token"] != nil { expected["_context_auth_token"] = .null }
        if expected["_context_service_catalog"]?.array != nil { expected["_context_service_catalog"] = [] }
        // A fraction of no microseconds is left out by Python and not by us.
        expected["timestamp"] = .string(notification.timestamp.spaced)
        #expect(again == expected)
    }

    private let notification = Notification(
        messageID: UniqueBits(high: 1, low: 2), publisherID: "compute.host1", eventType: "compute.instance.create.end",
        priority: .error, timestamp: Timestamp(microseconds: 0), payload: ["a": 1],
        context: RequestContext(fields: ["request_id": "req-1", "auth_token": "hunter2"]))

    @Test("one message for each form and topic, each with a unique id of its own")
    func fanOut() throws {
        let encoder = NotificationEncoder(
            exchange: "cloud", topics: ["notifications", "billing"], forms: [.flat, .messaging, .messagingV2])
        let messages = encoder.encode(notification)
        #expect(
            messages.map(\.routingKey)
                == Array(repeating: ["notifications.error", "billing.error"], count: 3).flatMap { $0 })
        #expect(messages.allSatisfy { $0.exchange == "cloud" && $0.isMandatory })
        let received = try messages.map { try ReceivedNotification($0.body) }
        #expect(received.map(\.form) == [.flat, .flat, .messaging, .messaging, .messagingV2, .messagingV2])
        #expect(Set(received.compactMap(\.uniqueID)).count == 4)
        #expect(Set(received.map(\.messageID)) == ["00000000-0000-0001-0000-000000000002"])
        for message in messages {
            #expect(!String(decoding: message.body, as: UTF8.self).contains("hunter2"))
        }
    }

    @Test("nothing is sent where notifications are switched off")
    func off() {
        #expect(NotificationEncoder(forms: []).encode(notification).isEmpty)
        #expect(NotificationEncoder(topics: [], forms: [.flat]).encode(notification).isEmpty)
    }

    @Test(
        "what is no notification is refused",
        arguments: [
            "[]", "{}", "{\"event_type\":1}", "{\"method\":\"m\"}",
            "{\"event_type\":\"a\",\"message_id\":\"b\",\"publisher_id\":\"c\",\"priority\":\"\",\"timestamp\":\"\"}",
        ])
    func refuses(text: String) {
        #expect(throws: MalformedMessage.self) { try ReceivedNotification(Array(text.utf8)) }
    }
}
