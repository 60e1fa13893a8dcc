// SPDX-License-Identifier: Apache-2.0

import AMQP
import TestSupport
import Testing

@Suite("A publisher says what became of each message", .timeLimit(.minutes(2)))
struct PublisherTests {
    @Test("A message that no queue takes comes back as returned, and its neighbours are confirmed")
    func returned() async throws {
        let configuration = try await SharedBroker.server.configuration()
        let queue = Queue(name: name("q"), arguments: ["x-expires": 60_000])
        try await withPublisher(configuration) { publisher in
            let declarations = [Declaration.queue(queue)]
            let missing = name("nowhere")
            let results = try await withThrowingTaskGroup(of: (Int, PublishError?).self) { group in
                for number in 0..<30 {
                    group.addTask {
                        // Of three one is unroutable; equal bodies and an empty one must not be mixed up.
                        let unroutable = [UInt8](repeating: 7, count: number / 9 * 100_000)
                        let body = number % 3 == 2 ? unroutable : [UInt8(number)]
                        let message = OutboundMessage(
                            exchange: "", routingKey: number % 3 == 2 ? missing : queue.name, mandatory: true,
                            body: body,
                            declarations: declarations)
                        do throws(PublishError) {
                            try await publisher.publish(message)
                            return (number, nil)
                        } catch {
                            return (number, error)
                        }
                    }
                }
                return try await group.reduce(into: [:]) { $0[$1.0] = $1.1 }
            }
            for number in 0..<30 {
                let expected: PublishError? = number % 3 == 2 ? .returned(code: 312, text: "NO_ROUTE") : nil
                #expect(results[number] == expected)
            }
            #expect(publisher.statistics.returned == 10)
        }
    }

    @Test("A message that a full queue rejects is a nack")
    func nacked() async throws {
        let configuration = try await SharedBroker.server.configuration()
        let queue = Queue(
            name: name("q"), arguments: ["x-max-length": 2, "x-overflow": "reject-publish", "x-expires": 60_000])
        try await withPublisher(configuration) { publisher in
            func send() async throws {
                try await publisher.publish(
                    OutboundMessage(
                        exchange: "", routingKey: queue.name, mandatory: true, body: bytes("x"),
                        declarations: [.queue(queue)]))
            }
            try await send()
            try await send()
            await #expect(throws: PublishError.nacked) { try await send() }
            #expect(PublishError.nacked.isRetriable)
        }
    }

    @Test("An exchange that does not exist fails its message, and what comes after goes on")
    func noExchange() async throws {
        let configuration = try await SharedBroker.server.configuration()
        let queue = Queue(name: name("q"), arguments: ["x-expires": 60_000])
        try await withPublisher(configuration) { publisher in
            let missing = name("ex")
            do throws(PublishError) {
                try await publisher.publish(OutboundMessage(exchange: missing, routingKey: "k", body: []))
                Issue.record("published to no exchange")
            } catch {
                guard case .refused(404, let text) = error else {
                    Issue.record("\(error)")
                    return
                }
                #expect(text.contains(missing))
            }
            try await publisher.publish(
                OutboundMessage(
                    exchange: "", routingKey: queue.name, mandatory: true, body: bytes("y"),
                    declarations: [.queue(queue)]))
            #expect(publisher.statistics.connections == 1)
        }
    }

    @Test("Declarations are made before the first message that names them; a refused one fails its messages alone")
    func declarations() async throws {
        let configuration = try await SharedBroker.server.configuration()
        let exchange = Exchange(name: name("ex"), kind: .direct, autoDelete: true)
        let queue = Queue(name: name("q"), arguments: ["x-expires": 60_000])
        let binding = Binding(queue: queue.name, exchange: exchange.name, routingKey: "k")
        try await withPublisher(configuration) { publisher in
            let good = OutboundMessage(
                exchange: exchange.name, routingKey: "k", mandatory: true, body: bytes("z"),
                declarations: [.exchange(exchange), .queue(queue), .binding(binding)])
            try await publisher.publish(good)
            var bad = good
            var other = queue
            other.arguments["x-expires"] = 70_000
            bad.declarations = [.queue(other)]
            do throws(PublishError) {
                try await publisher.publish(bad)
                Issue.record("declared with other arguments")
            } catch {
                guard case .declarationRefused(406, let text) = error else {
                    Issue.record("\(error)")
                    return
                }
                #expect(text.contains("x-expires"))
            }
            try await publisher.publish(good)
            #expect(publisher.statistics.connections == 1)
        }
    }

    @Test("Messages arrive in the order in which they were submitted, however many wait for their confirms")
    func order() async throws {
        let configuration = try await SharedBroker.server.configuration()
        let queue = Queue(name: name("q"), arguments: ["x-expires": 60_000])
        try await withConsumer(configuration, [Subscription(queue: queue)], prefetch: 5000) { consumer in
            _ = await consumer.states.first(\.isReady)
            try await withPublisher(configuration, window: 16) { publisher in
                try await publisher.submit((0..<2000).map { [UInt8($0 >> 8), UInt8($0 & 255)] }, to: queue.name)
            }
            let deliveries = try await consumer.take(2000)
            #expect(deliveries.map { Int($0.body[0]) << 8 | Int($0.body[1]) } == Array(0..<2000))
        }
    }

    @Test("Without a broker a message waits until its deadline, or until its task is cancelled")
    func deadline() async throws {
        var configuration = BrokerConfiguration(endpoints: [BrokerEndpoint(host: "127.0.0.1", port: 1)])
        configuration.reconnect = ReconnectPolicy(initial: .milliseconds(10), step: .zero, maximum: .milliseconds(10))
        let message = OutboundMessage(exchange: "", routingKey: "q", body: [])
        try await withPublisher(configuration) { publisher in
            let began = ContinuousClock.now
            await #expect(throws: PublishError.deadlineExceeded(mayHaveBeenDelivered: false)) {
                try await publisher.publish(message, deadline: .now + .milliseconds(200))
            }
            #expect(.now - began >= .milliseconds(200))
            let result = await withTaskGroup(of: PublishError?.self) { group in
                group.addTask {
                    do throws(PublishError) {
                        try await publisher.publish(message)
                        return nil
                    } catch {
                        return error
                    }
                }
                group.cancelAll()
                return await group.next() ?? nil
            }
            #expect(result == .cancelled(mayHaveBeenDelivered: false))
        }
    }

    @Test("After its end a publisher takes nothing; what waited ends as closed")
    func closed() async throws {
        let configuration = BrokerConfiguration(endpoints: [BrokerEndpoint(host: "127.0.0.1", port: 1)])
        let publisher = Publisher(configuration: configuration, logger: quiet)
        let message = OutboundMessage(exchange: "", routingKey: "q", body: [])
        await withTaskGroup(of: Void.self) { group in
            group.addTask {
                await #expect(throws: PublishError.closed(mayHaveBeenDelivered: false)) {
                    try await publisher.publish(message)
                }
            }
            await withTaskGroup(of: Void.self) { running in
                running.addTask { try? await publisher.run() }
                _ = await publisher.states.first { $0.lostError != nil }
                running.cancelAll()
            }
        }
        #expect(publisher.state == .closed)
        await #expect(throws: PublishError.closed(mayHaveBeenDelivered: false)) {
            try await publisher.publish(message)
        }
    }

    @Test("What would break the stream is refused before it is written")
    func invalid() async throws {
        let publisher = Publisher(configuration: BrokerConfiguration(), logger: quiet)
        let long = String(repeating: "x", count: 256)
        var headers = MessageProperties.json
        headers.headers = ["h": .string(String(repeating: "x", count: 70_000))]
        for message in [
            OutboundMessage(exchange: "", routingKey: long, body: []),
            OutboundMessage(exchange: long, routingKey: "", body: []),
            OutboundMessage(exchange: "", routingKey: "", properties: headers, body: []),
            OutboundMessage(exchange: "", routingKey: "", properties: MessageProperties(replyTo: long), body: []),
        ] {
            await #expect {
                try await publisher.publish(message)
            } throws: { error in
                if case PublishError.invalid = error { true } else { false }
            }
        }
    }
}
