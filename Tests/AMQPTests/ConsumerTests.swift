// SPDX-License-Identifier: Apache-2.0

import AMQP
import TestSupport
import Testing

@Suite("A consumer takes what its queues hold", .timeLimit(.minutes(2)))
struct ConsumerTests {
    @Test("A topic exchange, a queue and a binding are declared, and properties, headers and bodies arrive as sent")
    func roundTrip() async throws {
        let configuration = try await SharedBroker.server.configuration()
        let exchange = Exchange(name: name("ex"), kind: .topic, autoDelete: true)
        let queue = Queue(name: name("q"), arguments: ["x-expires": 600_000])
        let subscription = Subscription(
            exchanges: [exchange], queue: queue, bindings: [Binding(exchange: exchange.name, routingKey: "a.#")])
        let properties = MessageProperties(
            contentType: "application/json", contentEncoding: "utf-8",
            headers: [
                "x-reason": "größe", "n": 5_000_000_000, "small": -7, "yes": true, "no": .null,
                "list": .array([1, "two", .double(2.5)]), "inner": .table(["k": .bytes([0, 255])]),
                "t": .timestamp(1_700_000_000),
            ],
            deliveryMode: 2, priority: 3, correlationID: "c", replyTo: "r", expiration: "60000", messageID: "m",
            timestamp: 1_700_000_001, type: "t", userID: "guest", appID: "a")
        try await withConsumer(configuration, [subscription]) { consumer in
            #expect(await consumer.states.first(\.isReady) == .ready(queues: [queue.name]))
            try await withPublisher(configuration) { publisher in
                try await publisher.publish(
                    OutboundMessage(
                        exchange: exchange.name, routingKey: "a.b", mandatory: true, properties: properties,
                        body: bytes("körper")))
            }
            let delivery = try await consumer.take(1)[0]
            #expect(delivery.exchange == exchange.name)
            #expect(delivery.routingKey == "a.b")
            #expect(delivery.properties == properties)
            #expect(delivery.body == bytes("körper"))
            #expect(!delivery.redelivered)
            #expect(delivery.truncatedSize == nil)
        }
    }

    @Test(
        "Bodies around the edges of a frame arrive whole",
        arguments: [0, 1, 131_063, 131_064, 131_065, 262_128, 262_129, 1_000_000])
    func frameBoundaries(size: Int) async throws {
        let configuration = try await SharedBroker.server.configuration()
        let queue = Queue(name: name("q"), exclusive: false, autoDelete: true)
        try await withConsumer(configuration, [Subscription(queue: queue)]) { consumer in
            _ = await consumer.states.first(\.isReady)
            var generator = SeededGenerator(state: UInt64(size))
            let body = (0..<size).map { _ in UInt8.random(in: 0...255, using: &generator) }
            try await withPublisher(configuration) { publisher in
                try await publisher.send([body, body], to: queue.name)
            }
            let deliveries = try await consumer.take(2)
            #expect(deliveries.allSatisfy { $0.body == body })
        }
    }

    @Test("Of a body over the cap the first 4 KiB and the size arrive, and the next body is whole")
    func oversize() async throws {
        let configuration = try await SharedBroker.server.configuration()
        let queue = Queue(name: name("q"), autoDelete: true)
        try await withConsumer(configuration, [Subscription(queue: queue)], maximumBodySize: 300_000) { consumer in
            _ = await consumer.states.first(\.isReady)
            let big = (0..<700_000).map { UInt8(truncatingIfNeeded: $0 / 7) }
            try await withPublisher(configuration) { publisher in
                try await publisher.send(big, to: queue.name)
                try await publisher.send(bytes("next"), to: queue.name)
            }
            let deliveries = try await consumer.take(2)
            #expect(deliveries[0].truncatedSize == 700_000)
            #expect(deliveries[0].body == Array(big.prefix(4096)))
            #expect(deliveries[1].truncatedSize == nil)
            #expect(deliveries[1].body == bytes("next"))
            #expect(consumer.statistics.truncated == 1)
        }
    }

    @Test("No more than the prefetch is unacknowledged, and acknowledging lets the rest in")
    func prefetchBounds() async throws {
        let server = try await SharedBroker.server
        let configuration = try server.configuration()
        let queue = Queue(name: name("q"), arguments: ["x-expires": 600_000])
        try await withConsumer(configuration, [Subscription(queue: queue, prefetch: 10)]) { consumer in
            _ = await consumer.states.first(\.isReady)
            try await withPublisher(configuration) { publisher in
                try await publisher.send((0..<50).map { [UInt8($0)] }, to: queue.name)
            }
            var taken = try await consumer.take(10)
            let held = try #require(try await server.queues()[queue.name])
            #expect(held.unacknowledged == 10)
            #expect(held.ready == 40)
            while taken.count < 50 {
                consumer.acknowledge(taken.suffix(10).map(\.tag))
                taken += try await consumer.take(10)
                #expect(taken.count % 10 == 0)
            }
            #expect(Set(taken.map { $0.body[0] }).count == 50)
        }
    }

    @Test("Acknowledgements of a finished run go out as one frame, and the queue is empty afterwards")
    func coalescing() async throws {
        let server = try await SharedBroker.server
        let configuration = try server.configuration()
        let queue = Queue(name: name("q"), arguments: ["x-expires": 600_000])
        try await withConsumer(configuration, [Subscription(queue: queue)]) { consumer in
            _ = await consumer.states.first(\.isReady)
            try await withPublisher(configuration) { publisher in
                try await publisher.send((0..<200).map { [UInt8($0)] }, to: queue.name)
            }
            let tags = try await consumer.take(200).map(\.tag)
            // One that is late holds up nobody: what is beyond it goes singly, the rest with it as one frame.
            consumer.acknowledge(Array(tags[0..<100]))
            consumer.acknowledge(Array(tags[101..<103]))
            consumer.acknowledge([tags[100]] + tags[103...].shuffled())
            // Repeats and unknown tags close no channel.
            consumer.acknowledge([tags[5], DeliveryTag(generation: 1, value: 9999)])
        }
        let left = try #require(try await server.queues()[queue.name])
        #expect(left.ready == 0 && left.unacknowledged == 0)
    }

    @Test("Two hundred acknowledgements in one call are one frame")
    func oneFrame() async throws {
        let configuration = try await SharedBroker.server.configuration()
        let queue = Queue(name: name("q"), autoDelete: true)
        let consumer = Consumer(configuration: configuration, logger: quiet) { [Subscription(queue: queue)] }
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await consumer.run() }
            _ = await consumer.states.first(\.isReady)
            try await withPublisher(configuration) { publisher in
                try await publisher.send((0..<200).map { [UInt8($0)] }, to: queue.name)
            }
            consumer.acknowledge(try await consumer.take(200).map(\.tag).reversed())
            consumer.shutDown(within: .seconds(10))
            try await group.waitForAll()
        }
        #expect(consumer.statistics.acknowledged == 200)
        #expect(consumer.statistics.acknowledgementFrames == 1)
        #expect(consumer.statistics.connections == 1)
        #expect(await consumer.nextBatch() == nil)
    }

    @Test("A rejected message comes again as redelivered, or goes for good")
    func reject() async throws {
        let configuration = try await SharedBroker.server.configuration()
        let queue = Queue(name: name("q"), autoDelete: true)
        try await withConsumer(configuration, [Subscription(queue: queue)]) { consumer in
            _ = await consumer.states.first(\.isReady)
            try await withPublisher(configuration) { publisher in
                try await publisher.send(bytes("again"), to: queue.name)
                let first = try await consumer.take(1)[0]
                consumer.reject(first.tag, requeue: true)
                let second = try await consumer.take(1)[0]
                #expect(second.redelivered && second.body == bytes("again"))
                consumer.reject(second.tag, requeue: false)
                try await publisher.send(bytes("other"), to: queue.name)
                #expect(try await consumer.take(1)[0].body == bytes("other"))
            }
        }
    }

    @Test("A pause requeues what was not handed out and leaves the rest to its taker; resuming takes up again")
    func pause() async throws {
        let server = try await SharedBroker.server
        let configuration = try server.configuration()
        let queue = Queue(name: name("q"), arguments: ["x-expires": 600_000])
        try await withConsumer(configuration, [Subscription(queue: queue, prefetch: 5)]) { consumer in
            _ = await consumer.states.first(\.isReady)
            try await withPublisher(configuration) { publisher in
                try await publisher.send(bytes("first"), to: queue.name)
                let first = try await consumer.take(1)[0]
                try await publisher.send((0..<20).map { [UInt8($0)] }, to: queue.name)
                consumer.pause()
                try await eventually("everything but the one handed out is back in the queue") {
                    let now = try await server.queues()[queue.name]
                    return now?.unacknowledged == 1 && now?.ready == 20
                }
                consumer.acknowledge([first.tag])
                try await eventually("the one handed out is settled") {
                    try await server.queues()[queue.name]?.unacknowledged == 0
                }
                consumer.resume()
                var bodies: Set<UInt8> = []
                while bodies.count < 20 {
                    let batch = try #require(await consumer.nextBatch())
                    for delivery in batch { bodies.insert(delivery.body[0]) }
                    consumer.acknowledge(batch.map(\.tag))
                }
                #expect(consumer.statistics.connections == 1)
            }
        }
    }

    @Test("A graceful end gives back what was not handed out and waits for what was")
    func gracefulEnd() async throws {
        let server = try await SharedBroker.server
        let configuration = try server.configuration()
        let queue = Queue(name: name("q"), arguments: ["x-expires": 600_000])
        let consumer = Consumer(configuration: configuration, prefetch: 10, logger: quiet) {
            [Subscription(queue: queue)]
        }
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await consumer.run() }
            _ = await consumer.states.first(\.isReady)
            try await withPublisher(configuration) { publisher in
                try await publisher.send(bytes("first"), to: queue.name)
                let first = try await consumer.take(1)
                try await publisher.send((0..<20).map { [UInt8($0)] }, to: queue.name)
                consumer.shutDown(within: .seconds(30))
                try await eventually("the rest is back") { try await server.queues()[queue.name]?.ready == 20 }
                #expect(await consumer.nextBatch() == nil)
                #expect(consumer.state.isReady, "it waits for the one that was handed out")
                consumer.acknowledge(first.map(\.tag))
            }
            try await group.waitForAll()
        }
        #expect(consumer.state == .closed)
        let left = try #require(try await server.queues()[queue.name])
        #expect(left.ready == 20 && left.unacknowledged == 0)
    }

    @Test("An exclusive queue with a name from the broker is told, and stays consumed during a pause")
    func serverNamed() async throws {
        let configuration = try await SharedBroker.server.configuration()
        let exchange = Exchange(name: name("fanout"), kind: .fanout, autoDelete: true)
        let subscription = Subscription(
            exchanges: [exchange], queue: Queue(name: "", exclusive: true, autoDelete: true),
            bindings: [Binding(exchange: exchange.name, routingKey: "")])
        try await withConsumer(configuration, [subscription]) { consumer in
            guard case .ready(let queues) = await consumer.states.first(\.isReady) else {
                Issue.record("never ready")
                return
            }
            #expect(queues.count == 1 && queues[0].hasPrefix("amq.gen-"))
            consumer.pause()
            try await withPublisher(configuration) { publisher in
                try await publisher.publish(
                    OutboundMessage(exchange: exchange.name, routingKey: "", mandatory: true, body: bytes("to all")))
                try await publisher.send(bytes("to one"), to: queues[0])
            }
            #expect(try await consumer.take(2).map(\.body) == [bytes("to all"), bytes("to one")])
        }
    }

    @Test("A message larger than all that may be unacknowledged is handed out whole")
    func largerThanBound() async throws {
        let server = try await SharedBroker.server
        let configuration = try server.configuration()
        let queue = Queue(name: name("q"), arguments: ["x-expires": 600_000])
        let large = [UInt8](repeating: 7, count: 200_000)
        try await withConsumer(
            configuration, [Subscription(queue: queue, prefetch: 10)], maximumOutstandingBytes: 65536
        ) { consumer in
            _ = await consumer.states.first(\.isReady)
            try await withPublisher(configuration) { publisher in
                try await publisher.send([large, bytes("small"), large], to: queue.name)
                var sizes: [Int] = []
                while sizes.count < 3 {
                    let batch = try #require(await consumer.nextBatch())
                    sizes += batch.map(\.body.count)
                    consumer.acknowledge(batch.map(\.tag))
                }
                #expect(sizes == [large.count, 5, large.count])
            }
        }
        let left = try #require(try await server.queues()[queue.name])
        #expect(left.ready == 0 && left.unacknowledged == 0)
    }

    @Test("Too many unacknowledged bytes stop the intake until half is settled")
    func bytesBound() async throws {
        let server = try await SharedBroker.server
        let configuration = try server.configuration()
        let queue = Queue(name: name("q"), arguments: ["x-expires": 600_000])
        // The prefetch is far away: it is the bytes that count.
        let subscription = Subscription(queue: queue, prefetch: 1000)
        let body = { @Sendable (number: Int) in [UInt8](repeating: UInt8(number), count: 100_000) }
        try await withConsumer(configuration, [subscription], maximumOutstandingBytes: 250_000) { consumer in
            _ = await consumer.states.first(\.isReady)
            try await withPublisher(configuration) { publisher in
                try await publisher.send((0..<12).map(body), to: queue.name)
                // The one that passes the bound is kept, and what was on its way up to twice the bound.
                var held = 0
                try await eventually("the intake stops at the bound") {
                    let now = try await server.queues()[queue.name]
                    held = now?.unacknowledged ?? 0
                    return (3...5).contains(held) && now?.ready == 12 - held
                }
                let taken = try await consumer.take(held)
                #expect(taken.count == held)
                /// One more stays in the queue, where a consumer would have been handed it at once.
                func expectNothingTaken(ready: Int, unacknowledged: Int, publishing number: Int) async throws {
                    try await publisher.send(body(number), to: queue.name)
                    let now = try #require(try await server.queues()[queue.name])
                    #expect(now.ready == ready && now.unacknowledged == unacknowledged)
                }
                try await expectNothingTaken(ready: 13 - held, unacknowledged: held, publishing: 12)
                // 200 000 bytes are more than half of the bound.
                consumer.acknowledge(taken.dropLast(2).map(\.tag))
                try await eventually("all but two are settled") {
                    try await server.queues()[queue.name]?.unacknowledged == 2
                }
                try await expectNothingTaken(ready: 14 - held, unacknowledged: 2, publishing: 13)
                // With half of it settled the rest comes, though one is still held.
                consumer.acknowledge([taken[held - 2].tag])
                var bodies = Set(taken.map { $0.body[0] })
                while bodies.count < 14 {
                    let batch = try #require(await consumer.nextBatch())
                    for delivery in batch { bodies.insert(delivery.body[0]) }
                    consumer.acknowledge(batch.map(\.tag))
                }
                consumer.acknowledge([taken[held - 1].tag])
            }
            #expect(consumer.statistics.connections == 1)
        }
        let left = try #require(try await server.queues()[queue.name])
        #expect(left.ready == 0 && left.unacknowledged == 0)
    }
}

/// Asks an outside process, which gives no event, until it says yes.
func eventually(_ what: Comment, within limit: Duration = .seconds(60), _ fact: () async throws -> Bool) async throws {
    let deadline = ContinuousClock.now + limit
    while try await !fact() {
        guard .now < deadline else {
            Issue.record(what)
            return
        }
        try await Task.sleep(for: .milliseconds(50))
    }
}
