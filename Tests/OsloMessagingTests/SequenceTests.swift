// SPDX-License-Identifier: Apache-2.0

import AMQP
import ComputeModel
import Foundation
import OsloMessaging
import TestSupport
import Testing

@Suite("An event's number travels with it, and disturbs nobody who does not know it", .timeLimit(.minutes(4)))
struct SequenceTests {
    /// Three events of one instance in every form, numbered from 1; an unnumbered one last.
    private func events(_ place: Place) -> [EncodedMessage] {
        let encoder = NotificationEncoder(
            exchange: place.topology.options.controlExchange, topics: place.topology.notificationTopics,
            forms: NotificationForm.allCases)
        return (1...4).flatMap { number in
            encoder.encode(
                Notification(
                    messageID: RandomIdentifiers().next(), publisherID: "compute.a", eventType: "e.\(number)",
                    priority: .info, timestamp: Timestamp(microseconds: 1), payload: ["größe": "\"{}\""],
                    context: .test)
            ).map { message in
                EncodedMessage(
                    exchange: message.exchange, routingKey: message.routingKey, isMandatory: true, body: message.body,
                    sequence: number == 4 ? nil : Int64(number))
            }
        }
    }

    @Test("oslo.messaging's listener reads numbered events as it reads any, and ours reads the numbers")
    func listeners() async throws {
        let place = try await Place { $0.isAutoDelete = false }
        let (publisher, ours) = (place.publisher(), place.listener())
        let topic = place.topology.notificationTopics[0]
        let python = try await PythonClient(
            "oslo_listener.py",
            [
                try await SharedBroker.url, "--topic", topic, "--exchange", place.topology.options.controlExchange,
                "--count", "12",
            ], python: try await PythonClient.interpreter())
        let messages = events(place)
        try await with(publisher, ours) {
            try await ours.states.ready()
            for message in messages { try await publisher.publish(message) }
            for number in 1...12 {
                let line = try #require(
                    await python.process.output.first(from: number, within: .seconds(30)) { _ in true },
                    "\(python.process.errors.text(last: 20))")
                let told = try JSONParser.parse(line)
                #expect(told["event_type"] == .string("e.\((number - 1) / 3 + 1)"))
                #expect(told["payload"] == ["größe": "\"{}\""])
                #expect(told["metadata"]?.object?.keys.sorted() == ["message_id", "timestamp"])
            }
            var heard: [ReceivedNotification] = []
            while heard.count < 12 { heard += try #require(await ours.nextBatch()).map { try $0.get() } }
            #expect(heard.map(\.sequence) == [1, 1, 1, 2, 2, 2, 3, 3, 3, nil, nil, nil])
        }
        try await python.stop()
        try await SharedBroker.delete(queue: "\(topic).info")
    }

    @Test("kombu sees the number in the header of each form, and in the envelope beside the message")
    func rawMessages() async throws {
        let place = try await Place()
        let publisher = place.publisher()
        let probe = try await PythonClient(
            "probe.py", [try await SharedBroker.url], python: try await PythonClient.interpreter())
        let key = "\(place.topology.notificationTopics[0]).info"
        let exchange = place.topology.options.controlExchange
        func ask(_ command: JSONValue) async throws -> JSONValue {
            try JSONParser.parse(try await probe.ask(JSONWriter.text(command)))
        }
        _ = try await ask([
            "do": "collect", "queue": .string("raw-\(exchange)"),
            "bindings": [["exchange": .string(exchange), "auto_delete": true, "key": .string(key)]],
        ])
        let messages = events(place)
        try await with(publisher) { for message in messages { try await publisher.publish(message) } }
        let answer = try await ask(["do": "wait", "queue": .string("raw-\(exchange)"), "count": 12])
        let records = try #require(answer["messages"]?.array)
        #expect(records.count == 12)
        for (index, record) in records.enumerated() {
            let number = index / 3 + 1
            let body = try #require(record["body"]?.string)
            let isEnveloped = messages[index].body.starts(with: Array("{\"oslo.version\"".utf8))
            #expect(isEnveloped == (index % 3 == 2))
            if number == 4 {
                #expect(record["headers"] == [:])
                #expect(Array(body.utf8) == messages[index].body)
            } else {
                #expect(record["headers"] == ["x-instance-sequence": .number(JSONNumber(number))])
                if isEnveloped {
                    let envelope = try JSONParser.parse(body)
                    #expect(
                        envelope.object?.keys.sorted() == ["oslo.message", "oslo.version", "x-instance-sequence"])
                    #expect(envelope["x-instance-sequence"] == .number(JSONNumber(number)))
                } else {
                    #expect(Array(body.utf8) == messages[index].body, "a flat body is changed")
                }
            }
        }
        try await probe.stop()
    }

    @Test("a request in an envelope with a key that nobody knows is read as any other")
    func unknownKey() throws {
        let text = RequestEncoder(form: .enveloped).encode(
            method: "m", version: "2.0", arguments: [:], context: .test, uniqueID: UniqueBits(high: 1, low: 2))
        let numbered = text.dropLast() + Array(",\"x-instance-sequence\":7}".utf8)
        #expect(try MessageScanner().scan(Array(numbered)).get().method == "m")
        #expect(try MessageDecoder().decode(Array(numbered)).method == "m")
    }
}
