// SPDX-License-Identifier: Apache-2.0

import AMQP
import ComputeModel
import OsloMessaging
import TestSupport
import Testing

@Suite("Replies, notifications and dead letters find their queues", .timeLimit(.minutes(2)))
struct PublishingTests {
    private func reply(to queue: String) throws -> EncodedMessage {
        let address = ReplyAddress.replyQueue(name: queue, messageID: "m", heartbeat: nil)
        return try #require(ReplyEncoder().success("late", to: address).first)
    }

    @Test("a reply to a caller that went away is given up after a while, the next one at once")
    func vanishedCaller() async throws {
        let place = try await Place()
        var retry = ReplyRetry()
        retry.interval = .milliseconds(50)
        retry.patience = .seconds(3)
        let publisher = place.publisher(retry: retry)
        let queue = "reply_\(RandomIdentifiers().next().hex)"
        try await with(publisher) {
            for isFirst in [true, false] {
                let before = publisher.statistics.published
                let error = try await #require(throws: PublishError.self) {
                    try await publisher.publish(try self.reply(to: queue))
                }
                guard case .returned(code: 312, text: _) = error else {
                    Issue.record("\(error)")
                    return
                }
                let attempts = publisher.statistics.published - before
                #expect(isFirst ? attempts > 2 : attempts == 0)
            }
            // Another caller is not made to suffer for it.
            #expect(publisher.statistics.connections == 1)
        }
    }

    @Test("a reply to a Folsom caller that went away ends at once, and leaves no exchange behind")
    func vanishedFolsomCaller() async throws {
        let place = try await Place()
        let publisher = place.publisher()
        let (gone, there) = (RandomIdentifiers().next().hex, RandomIdentifiers().next().hex)
        let caller = Consumer(configuration: place.configuration, logger: quiet) {
            [place.topology.directSubscription(messageID: there)]
        }
        try await with(publisher, caller) {
            try await caller.states.ready()
            for frame in ReplyEncoder().success("late", to: .messageID(gone)) {
                let error = try await #require(throws: PublishError.self) { try await publisher.publish(frame) }
                guard case .returned(code: 404, text: _) = error else {
                    Issue.record("\(error)")
                    return
                }
            }
            // One that is there is answered, with the same connection.
            for frame in ReplyEncoder().success("in time", to: .messageID(there)) { try await publisher.publish(frame) }
            var frames: [ReplyFrame] = []
            while frames.count < 2 {
                let batch = try #require(await caller.nextBatch())
                caller.acknowledge(batch.map(\.tag))
                frames += try batch.map { try ReplyFrame($0.body) }
            }
            #expect(frames[0].result == "in time" && frames[1].isEnding)
            #expect(publisher.statistics.connections == 1)
            let exchanges = try await SharedBroker.server.control("list_exchanges", "name")
            #expect(!exchanges.contains(gone) && exchanges.contains(there))
        }
        try await eventually("the caller's exchange goes with it") {
            try await !SharedBroker.server.control("list_exchanges", "name").contains(there)
        }
    }

    @Test("a reply whose queue appears in time is delivered")
    func lateQueue() async throws {
        let place = try await Place()
        let publisher = place.publisher()
        let queue = "reply_\(RandomIdentifiers().next().hex)"
        let consumer = Consumer(configuration: place.configuration, logger: quiet) {
            [place.topology.replySubscription(queue: queue)]
        }
        try await with(publisher) {
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { try await publisher.publish(try self.reply(to: queue)) }
                // The broker says nothing to the caller that is not there yet; its queue comes after two attempts.
                while publisher.statistics.returned < 2 { try await Task.sleep(for: .milliseconds(20)) }
                try await with(consumer) {
                    let delivery = try #require(await consumer.nextBatch()?.first)
                    #expect(try ReplyFrame(delivery.body).result == "late")
                    consumer.acknowledge([delivery.tag])
                }
                try await group.waitForAll()
            }
        }
    }

    @Test("a listener hears every form of notification and takes nothing from the shared queue")
    func listener() async throws {
        let place = try await Place()
        let (publisher, one, two) = (place.publisher(), place.listener(), place.listener())
        let topic = place.topology.notificationTopics[0]
        let notifications = NotificationPriority.allCases.map { priority in
            Notification(
                messageID: RandomIdentifiers().next(), publisherID: "compute.a",
                eventType: "compute.instance.reboot.end",
                priority: priority, timestamp: Timestamp(microseconds: 1), payload: ["uuid": "x"], context: .test)
        }
        let encoder = NotificationEncoder(
            exchange: place.topology.options.controlExchange, topics: [topic], forms: NotificationForm.allCases)
        let billing = Consumer(configuration: place.configuration, logger: quiet) {
            [Subscription(queue: place.topology.topicQueue("\(topic).info"))]
        }
        try await with(publisher, one, two) {
            try await one.states.ready()
            try await two.states.ready()
            for message in notifications.flatMap(encoder.encode) { try await publisher.publish(message) }
            let expected = notifications.flatMap { notification in
                NotificationForm.allCases.map {
                    "\(notification.messageID.dashed) \($0) \(notification.priority.rawValue)"
                }
            }
            for listener in [one, two] {
                var heard: [String] = []
                while heard.count < expected.count {
                    for result in try #require(await listener.nextBatch()) {
                        let notification = try result.get()
                        heard.append("\(notification.messageID) \(notification.form) \(notification.priority)")
                    }
                }
                #expect(heard == expected)
            }
            // The publisher declared this queue, as nova does: what is in it waits for its consumer.
            try await with(billing) {
                var count = 0
                while count < NotificationForm.allCases.count {
                    let batch = try #require(await billing.nextBatch())
                    billing.acknowledge(batch.map(\.tag))
                    count += batch.count
                }
                #expect(count == NotificationForm.allCases.count)
            }
        }
    }

    @Test("a notification that can't be read is handed on as such, and the next one is read")
    func garbage() async throws {
        let place = try await Place()
        let listener = place.listener()
        let raw = Publisher(configuration: place.configuration, logger: quiet)
        try await with(listener, raw) {
            try await listener.states.ready()
            let good =
                "{\"event_type\":\"e\",\"message_id\":\"m\",\"publisher_id\":\"p\",\"priority\":\"SAMPLE\","
                + "\"timestamp\":\"t\",\"payload\":null}"
            for body in ["garbage", good] {
                try await raw.publish(
                    OutboundMessage(
                        exchange: place.topology.options.controlExchange,
                        routingKey: place.topology.notificationTopics[0] + ".sample", mandatory: true,
                        body: Array(body.utf8)))
            }
            var results: [Result<ReceivedNotification, MalformedMessage>] = []
            while results.count < 2 { results += try #require(await listener.nextBatch()) }
            #expect(throws: MalformedMessage.self) { try results[0].get() }
            #expect(try results[1].get().priority == "SAMPLE")
        }
    }

    @Test("a dead letter waits in its durable queue with its reason")
    func deadLetter() async throws {
        let place = try await Place()
        let publisher = place.publisher()
        let queue = RPCTopology.deadLetterQueue(place.topic, server: "one")
        let message = DeadLetter.encode(
            [0, 255, 7], size: 3, fault: MalformedMessage(.notJSON, "no JSON"), queue: queue)
        let consumer = Consumer(configuration: place.configuration, logger: quiet) {
            [Subscription(queue: place.topology.deadLetterQueue(queue))]
        }
        try await with(publisher, consumer) {
            try await publisher.publish(message)
            let delivery = try #require(await consumer.nextBatch()?.first)
            consumer.acknowledge([delivery.tag])
            #expect(delivery.body == [0, 255, 7])
            #expect(delivery.properties.headers?["x-reason"] == "not-json")
            #expect(delivery.properties.headers?["x-size"] == "3")
            #expect(delivery.properties.contentType == "application/octet-stream")
            #expect(delivery.properties.deliveryMode == 2)
        }
    }

    @Test("properties are nova's: JSON, UTF-8, persistent, empty headers, and an expiration on calls alone")
    func properties() async throws {
        let place = try await Place()
        let client = place.client(.enveloped)
        let consumer = Consumer(configuration: place.configuration, logger: quiet) {
            place.topology.serverSubscriptions(topic: place.topic, server: "one")
        }
        try await with(client, consumer) {
            try await consumer.states.ready()
            let request = OutgoingRequest(method: "a", version: "2.0", context: .test)
            try await client.cast(request, to: .any(topic: place.topic), isMandatory: true)
            await #expect(throws: RPCError.self) {
                try await client.call(request, to: .any(topic: place.topic), timeout: .milliseconds(1500))
            }
            var deliveries: [Delivery] = []
            while deliveries.count < 2 { deliveries += try #require(await consumer.nextBatch()) }
            #expect(deliveries[0].properties == .json)
            var expected = MessageProperties.json
            expected.expiration = "1500"
            #expect(deliveries[1].properties == expected)
        }
    }
}
