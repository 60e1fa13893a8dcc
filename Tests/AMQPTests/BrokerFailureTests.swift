// SPDX-License-Identifier: Apache-2.0

import AMQP
import TestSupport
import Testing

/// Each does something to a broker that is theirs alone, one after the other, and leaves it running.
@Suite("Whatever happens to the broker, nothing is lost that was confirmed", .serialized, .timeLimit(.minutes(3)))
struct BrokerFailureTests {
    private static let starting = Task { try await RabbitMQServer.start() }

    @Test("A lowered memory watermark blocks publishers, is told, and what waited is confirmed when it is over")
    func blocked() async throws {
        let server = try await Self.starting.value
        let configuration = try server.configuration { $0.heartbeat = .seconds(1) }
        let queue = Queue(name: name("q"), durable: true)
        try await withConsumer(configuration, [Subscription(queue: queue)]) { consumer in
            _ = await consumer.states.first(\.isReady)
            try await withPublisher(configuration) { publisher in
                try await publisher.send(bytes("before"), to: queue.name)
                let states = publisher.states
                try await server.setMemoryAlarm(true)
                try await withThrowingTaskGroup(of: Void.self) { group in
                    for number in 0..<300 {
                        group.addTask {
                            let body = [UInt8](repeating: UInt8(number % 250), count: 9000)
                            try await publisher.send(body, to: queue.name)
                        }
                    }
                    let blocked = await states.first(\.isBlocked)
                    #expect(blocked == .blocked("low on memory"))
                    // Acknowledgements go their own way while publishers stand.
                    consumer.acknowledge(try await consumer.take(1).map(\.tag))
                    try await eventually("the broker has heard of the acknowledgement") {
                        let unacknowledged = try await server.queues()[queue.name]?.unacknowledged
                        let counts = consumer.statistics
                        return counts.acknowledged > 0
                            && unacknowledged.map(UInt64.init) == counts.deliveries - counts.acknowledged
                    }
                    await #expect(throws: PublishError.self) {
                        try await publisher.publish(
                            OutboundMessage(exchange: "", routingKey: queue.name, body: [1]),
                            deadline: .now + .seconds(4))
                    }
                    #expect(publisher.state.isBlocked)
                    try await server.setMemoryAlarm(false)
                    try await group.waitForAll()
                }
                #expect(publisher.state.isReady)
                #expect(publisher.statistics.connections == 1)
                #expect(consumer.statistics.connections == 1)
            }
            // 300 and the first; the one that met its deadline was never sent.
            while consumer.statistics.deliveries < 301 {
                consumer.acknowledge(try #require(await consumer.nextBatch()).map(\.tag))
            }
            #expect(consumer.statistics.deliveries == 301)
        }
    }

    @Test("A killed broker that comes back: durable messages come again, stale tags are dropped, publishing goes on")
    func killed() async throws {
        let server = try await Self.starting.value
        let configuration = try server.configuration()
        let exchange = Exchange(name: name("nova"), kind: .topic, durable: true)
        let queue = Queue(name: name("compute.host"), durable: true)
        let subscription = Subscription(
            exchanges: [exchange], queue: queue, bindings: [Binding(exchange: exchange.name, routingKey: "compute.host")])
        let message: @Sendable (Int) -> OutboundMessage = { number in
            OutboundMessage(
                exchange: exchange.name, routingKey: "compute.host", mandatory: true, body: [UInt8(number)],
                declarations: [.exchange(exchange)])
        }
        try await withConsumer(configuration, [subscription]) { consumer in
            _ = await consumer.states.first(\.isReady)
            try await withPublisher(configuration) { publisher in
                for number in 0..<20 { try await publisher.publish(message(number)) }
                let first = try await consumer.take(20)
                consumer.acknowledge(first.prefix(10).map(\.tag))
                try await eventually("ten are settled") { try await server.queues()[queue.name]?.unacknowledged == 10 }
                let lost = consumer.states
                await server.kill()
                #expect(await lost.first { $0.lostError != nil } != nil)
                try await withThrowingTaskGroup(of: Void.self) { group in
                    // Sent while nobody is there: it waits.
                    group.addTask {
                        var isThere = false
                        while !isThere {
                            do throws(PublishError) {
                                try await publisher.publish(message(20))
                                isThere = true
                            } catch {
                                guard error.isRetriable else { throw error }
                            }
                        }
                    }
                    try await server.start()
                    let again = try await consumer.take(11)
                    // These name deliveries of a connection that is gone; the new one has the same numbers.
                    consumer.acknowledge(first.map(\.tag))
                    #expect(Set(again.map { $0.body[0] }) == Set(10...20))
                    #expect(again.filter { $0.body[0] < 20 }.allSatisfy { $0.tag.generation == 2 })
                    try await group.waitForAll()
                    let held = try #require(try await server.queues()[queue.name])
                    #expect(held.unacknowledged == 11, "a stale acknowledgement settled a new delivery")
                    consumer.acknowledge(again.map(\.tag))
                    try await eventually("all are settled") {
                        let now = try await server.queues()[queue.name]
                        return now?.unacknowledged == 0 && now?.ready == 0
                    }
                }
                #expect(consumer.statistics.stale == 20)
                #expect(consumer.statistics.connections == 2)
            }
        }
    }

    @Test("When the first broker goes, the second is used, with everything declared there")
    func failover() async throws {
        let first = try await Self.starting.value
        let second = try await RabbitMQServer.start()
        let configuration = try BrokerConfiguration(
            transportURL: "rabbit://guest:guest@127.0.0.1:\(first.port),guest:guest@127.0.0.1:\(second.port)/")
        let subscription = Subscription(
            exchanges: [Exchange(name: "nova", kind: .topic)], queue: Queue(name: "compute"),
            bindings: [Binding(exchange: "nova", routingKey: "compute")])
        let message = OutboundMessage(exchange: "nova", routingKey: "compute", mandatory: true, body: bytes("m"))
        try await withConsumer(configuration, [subscription]) { consumer in
            _ = await consumer.states.first(\.isReady)
            try await withPublisher(configuration) { publisher in
                try await publisher.publish(message)
                consumer.acknowledge(try await consumer.take(1).map(\.tag))
                let consumerStates = consumer.states
                let publisherStates = publisher.states
                await first.kill()
                let gone = ContinuousClock.now
                let next = ConnectionState.connecting("127.0.0.1:\(second.port)")
                #expect(await consumerStates.first { $0 == next } != nil)
                #expect(await publisherStates.first { $0 == next } != nil)
                _ = await consumer.states.first(\.isReady)
                try await publisher.publish(message)
                #expect(try await consumer.take(1)[0].body == bytes("m"))
                #expect(ContinuousClock.now - gone < .seconds(5))
            }
        }
        await second.shutDown()
        try await first.start()
    }

    @Test("A broker that falls silent is given up after two heartbeats, and one that wakes is found again")
    func silent() async throws {
        let server = try await Self.starting.value
        let configuration = try server.configuration {
            $0.heartbeat = .seconds(1)
            $0.connectTimeout = .seconds(1)
        }
        try await withPublisher(configuration) { publisher in
            _ = await publisher.states.first(\.isReady)
            let states = publisher.states
            try server.freeze()
            try await withThrowingTaskGroup(of: Void.self) { group in
                // More than any socket's buffer holds: writing must not hang where nobody reads.
                for _ in 0..<60 {
                    group.addTask {
                        let body = [UInt8](repeating: 1, count: 500_000)
                        do throws(PublishError) {
                            try await publisher.publish(OutboundMessage(exchange: "", routingKey: "none", body: body))
                        } catch {
                            guard case .connectionLost = error, error.isRetriable, error.mayHaveBeenDelivered else {
                                throw error
                            }
                        }
                    }
                }
                let error = await states.first { $0.lostError != nil }?.lostError
                #expect(error?.code == .heartbeatLost)
                try server.freeze(false)
                #expect(await publisher.states.first(\.isReady) != nil)
                try await group.waitForAll()
            }
        }
    }

    @Test("A consumer notices a broker that falls silent, and has everything again when it wakes")
    func silentForConsumer() async throws {
        let server = try await Self.starting.value
        let configuration = try server.configuration {
            $0.heartbeat = .seconds(1)
            $0.connectTimeout = .seconds(1)
        }
        let queue = Queue(name: name("q"), durable: true)
        try await withConsumer(configuration, [Subscription(queue: queue)]) { consumer in
            _ = await consumer.states.first(\.isReady)
            try await withPublisher(try server.configuration()) { try await $0.send(bytes("held"), to: queue.name) }
            #expect(try await consumer.take(1)[0].tag.generation == 1)
            let states = consumer.states
            try server.freeze()
            let began = ContinuousClock.now
            let error = await states.first { $0.lostError != nil }?.lostError
            #expect(error?.code == .heartbeatLost)
            #expect(ContinuousClock.now - began < .seconds(10))
            try server.freeze(false)
            let again = try await consumer.take(1)[0]
            #expect(again.body == bytes("held") && again.redelivered && again.tag.generation == 2)
        }
    }

    @Test("No more than the window is unconfirmed, however many are submitted, and the rest follows the confirms")
    func window() async throws {
        let server = try await Self.starting.value
        let configuration = try server.configuration { $0.heartbeat = .seconds(60) }
        let queue = Queue(name: name("q"), durable: true)
        try await withPublisher(configuration, window: 16) { publisher in
            try await publisher.publish(
                OutboundMessage(
                    exchange: "", routingKey: queue.name, mandatory: true, body: [0], declarations: [.queue(queue)]))
            // A broker that stands confirms nothing; its socket would take all of these.
            try server.freeze()
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { try await publisher.submit((1...200).map { [UInt8($0)] }, to: queue.name) }
                try await eventually("the window is full") { publisher.statistics.published >= 17 }
                #expect(publisher.statistics.published == 17)
                // It is still so when a later submission has woken the publisher's thread.
                await #expect(throws: PublishError.deadlineExceeded(mayHaveBeenDelivered: false)) {
                    try await publisher.publish(
                        OutboundMessage(exchange: "", routingKey: queue.name, body: [201]),
                        deadline: .now + .milliseconds(500))
                }
                #expect(publisher.statistics.published == 17)
                try server.freeze(false)
                try await group.waitForAll()
            }
            // Counted on the publisher's thread, after those who wait have been told.
            try await eventually("all are counted as confirmed") { publisher.statistics.confirmed == 201 }
            #expect(publisher.statistics.published == 201)
            #expect(publisher.statistics.connections == 1)
        }
        let held = try #require(try await server.queues()[queue.name])
        #expect(held.ready == 201)
    }

    @Test("A channel that the broker closes while it is consumed from: everything comes again on a new connection")
    func channelClosedWhileConsuming() async throws {
        let server = try await Self.starting.value
        let configuration = try server.configuration()
        let exchange = Exchange(name: name("nova"), kind: .topic, durable: true)
        let queue = Queue(name: name("compute.host"), durable: true)
        let binding = Binding(exchange: exchange.name, routingKey: "k")
        let subscription = Subscription(exchanges: [exchange], queue: queue, bindings: [binding])
        // The broker closes a channel on which a delivery is unacknowledged for so long.
        try await server.control(
            "eval",
            "application:set_env(rabbit, consumer_timeout, 2000), "
                + "application:set_env(rabbit, channel_tick_interval, 500).")
        try await withConsumer(configuration, [subscription]) { consumer in
            _ = await consumer.states.first(\.isReady)
            // A channel keeps the limit that it began with; the next ones have the usual one again.
            try await server.control("eval", "application:set_env(rabbit, consumer_timeout, 900000).")
            try await withPublisher(configuration) { publisher in
                let states = consumer.states
                for number in 0..<5 { try await publisher.send([UInt8(number)], to: queue.name) }
                let first = try await consumer.take(5)
                consumer.acknowledge(first.prefix(2).map(\.tag))
                let error = await states.first { $0.lostError != nil }?.lostError
                #expect(error?.code == .channelClosed)
                #expect(error?.replyCode == 406)
                #expect(error?.message.contains("timeout") == true)
                let again = try await consumer.take(3)
                #expect(Set(again.map { $0.body[0] }) == [2, 3, 4])
                #expect(again.allSatisfy { $0.redelivered && $0.tag.generation == 2 })
                // Acknowledgements of the channel that is gone settle nothing on the new one.
                consumer.acknowledge(first.map(\.tag))
                try await publisher.publish(
                    OutboundMessage(exchange: exchange.name, routingKey: "k", mandatory: true, body: bytes("new")))
                let new = try await consumer.take(1)[0]
                #expect(new.body == bytes("new") && !new.redelivered && new.tag.generation == 2)
                #expect(try await server.queues()[queue.name]?.unacknowledged == 4)
                #expect(consumer.statistics.stale == 5)
                consumer.acknowledge(again.map(\.tag) + [new.tag])
                try await eventually("all are settled") {
                    let now = try await server.queues()[queue.name]
                    return now?.unacknowledged == 0 && now?.ready == 0
                }
            }
            #expect(consumer.statistics.connections == 2)
        }
    }

    @Test("Connections closed by an operator: unconfirmed messages are told so, and consuming begins anew")
    func closedByOperator() async throws {
        let server = try await Self.starting.value
        let configuration = try server.configuration()
        let queue = Queue(name: name("q"), durable: true)
        try await withConsumer(configuration, [Subscription(queue: queue)]) { consumer in
            _ = await consumer.states.first(\.isReady)
            let states = consumer.states
            try await server.closeConnections("maintenance")
            let error = await states.first { $0.lostError != nil }?.lostError
            #expect(error?.replyCode == 320)
            #expect(error?.message.contains("maintenance") == true)
            _ = await consumer.states.first(\.isReady)
            try await withPublisher(configuration) { try await $0.send(bytes("x"), to: queue.name) }
            #expect(try await consumer.take(1)[0].tag.generation == 2)
        }
    }
}
