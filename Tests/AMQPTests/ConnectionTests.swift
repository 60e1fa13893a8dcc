// SPDX-License-Identifier: Apache-2.0

import AMQP
import Glibc
import TestSupport
import Testing

@Suite("A connection is verified, kept and refused as it should be", .timeLimit(.minutes(2)))
struct ConnectionTests {
    private func tls(_ host: String, _ server: RabbitMQServer) throws -> BrokerConfiguration {
        try BrokerConfiguration(
            transportURL: server.url(host: host, tls: true), tls: TLSConfiguration(authorityFile: server.authorityFile))
    }

    /// The first thing that a publisher comes to.
    private func outcome(_ configuration: BrokerConfiguration) async throws -> ConnectionState? {
        try await withPublisher(configuration) { publisher in
            await publisher.states.first { $0.isReady || $0.lostError != nil }
        }
    }

    @Test("TLS works with a trusted certificate for the host's name, and for its address; large bodies pass")
    func tlsAccepted() async throws {
        let server = try await SharedBroker.server
        for host in ["localhost", "127.0.0.1"] {
            let configuration = try tls(host, server)
            let queue = Queue(name: name("q"), autoDelete: true)
            try await withConsumer(configuration, [Subscription(queue: queue)]) { consumer in
                _ = await consumer.states.first(\.isReady)
                let bodies = (0..<40).map { [UInt8](repeating: UInt8($0), count: 1 + $0 * 20_000) }
                try await withPublisher(configuration) { publisher in
                    for body in bodies { try await publisher.send(body, to: queue.name) }
                }
                #expect(try await consumer.take(40).map(\.body) == bodies)
                #expect(consumer.statistics.connections == 1)
            }
        }
    }

    @Test("A certificate for another name, or for another address, is refused")
    func tlsOtherName() async throws {
        let server = try await RabbitMQServer.start(
            certificate: .init(hosts: ["broker.example"], addresses: ["192.0.2.1"]))
        let byName = try await outcome(try tls("localhost", server))?.lostError
        #expect(byName?.code == .hostNameRefused)
        #expect(byName?.needsConfiguration == true)
        #expect(try await outcome(try tls("127.0.0.1", server))?.lostError?.code == .certificateRefused)
        await server.shutDown()
    }

    @Test("A certificate of an authority that is not trusted is refused, unless verification is off")
    func tlsUntrusted() async throws {
        let server = try await SharedBroker.server
        var configuration = try tls("localhost", server)
        configuration.tls?.authorityFile = nil
        #expect(try await outcome(configuration)?.lostError?.code == .certificateRefused)
        configuration.tls?.authorityFile = "/nonexistent/authority.pem"
        let unreadable = try await outcome(configuration)?.lostError
        #expect(unreadable?.code == .tlsFailed)
        #expect(unreadable?.message.contains("/nonexistent/authority.pem") == true)
        configuration.tls = TLSConfiguration(verifiesPeer: false)
        #expect(try await outcome(configuration)?.isReady == true)
    }

    @Test("A wrong password is said plainly, and tried again slowly")
    func wrongPassword() async throws {
        let server = try await SharedBroker.server
        var configuration = try server.configuration { $0.reconnect = ReconnectPolicy() }
        configuration.endpoints[0].password = "hunter2"
        guard case .lost(let error, let delay) = try await outcome(configuration) else {
            Issue.record("not refused")
            return
        }
        #expect(error.code == .accessRefused)
        #expect(error.replyCode == 403)
        #expect(error.needsConfiguration)
        #expect(delay >= .seconds(15))
        #expect(!error.message.contains("hunter2"))
    }

    @Test("A virtual host that does not exist is said plainly")
    func noVirtualHost() async throws {
        let configuration = try await SharedBroker.server.configuration { $0.virtualHost = "nowhere" }
        let error = try await outcome(configuration)?.lostError
        #expect(error?.code == .notAllowed)
        #expect(error?.message.contains("nowhere") == true)
    }

    @Test("User, password and virtual host with odd characters log in")
    func oddCharacters() async throws {
        let server = try await SharedBroker.server
        try await server.addUser("o'd@d", password: "p/:,%ä")
        let url = "rabbit://o'd%40d:p%2F%3A%2C%25%C3%A4@127.0.0.1:\(server.port)/"
        #expect(try await outcome(try BrokerConfiguration(transportURL: url))?.isReady == true)
        try await server.addVirtualHost("a/ö")
        let host = "rabbit://guest:guest@127.0.0.1:\(server.port)/a%2F%C3%B6"
        #expect(try await outcome(try BrokerConfiguration(transportURL: host))?.isReady == true)
    }

    @Test("A broker that speaks no TLS at its port is told in OpenSSL's words")
    func noTLS() async throws {
        let server = try await SharedBroker.server
        let configuration = try BrokerConfiguration(
            transportURL: server.url(), tls: TLSConfiguration(verifiesPeer: false))
        let error = try #require(try await outcome(configuration)?.lostError)
        #expect(error.code == .tlsFailed)
        #expect(error.message.contains("wrong version number"), "\(error)")
    }

    @Test("Of several brokers the next is tried when one is not there")
    func absentBroker() async throws {
        let server = try await SharedBroker.server
        let configuration = try BrokerConfiguration(
            transportURL: "rabbit://guest:guest@127.0.0.1:1,guest:guest@127.0.0.1:\(server.port)/")
        let publisher = Publisher(configuration: configuration, logger: quiet)
        // Listening begins before the first attempt.
        let states = publisher.states
        await withTaskGroup(of: Void.self) { group in
            group.addTask { try? await publisher.run() }
            guard case .lost(let error, let delay) = await states.first({ $0.lostError != nil }) else {
                Issue.record("connected to a port where nobody is")
                return
            }
            #expect(error.code == .unreachable)
            #expect(error.message == "127.0.0.1:1: Connection refused")
            #expect(delay == .zero, "the second broker of a round is tried without a wait")
            #expect(await publisher.states.first(\.isReady) != nil)
            group.cancelAll()
        }
    }

    @Test("Heartbeats are kept through idle time, and while the taker of a batch is held up by a slow commit")
    func heartbeats() async throws {
        let configuration = try await SharedBroker.server.configuration { $0.heartbeat = .seconds(1) }
        let queue = Queue(name: name("q"), autoDelete: true)
        try await withConsumer(configuration, [Subscription(queue: queue)]) { consumer in
            try await withPublisher(configuration) { publisher in
                _ = await consumer.states.first(\.isReady)
                try await publisher.send(bytes("1"), to: queue.name)
                let first = try await consumer.take(1)[0]
                // The commit: its thread stands for more than four intervals; the broker gives up after two of silence.
                #expect(usleep(4_500_000) == 0)
                consumer.acknowledge([first.tag])
                try await publisher.send(bytes("2"), to: queue.name)
                let second = try await consumer.take(1)[0]
                #expect(second.body == bytes("2") && !second.redelivered)
                #expect(second.tag.generation == first.tag.generation)
                #expect(consumer.statistics.connections == 1)
                #expect(consumer.statistics.stale == 0)
                #expect(publisher.statistics.connections == 1)
            }
        }
    }

    @Test("Heartbeats are kept while messages stream without a pause and the consumer has nothing of its own to say")
    func busyHeartbeats() async throws {
        let configuration = try await SharedBroker.server.configuration { $0.heartbeat = .seconds(1) }
        let queue = Queue(name: name("q"), autoDelete: true)
        try await withConsumer(configuration, [Subscription(queue: queue)], prefetch: .max) { consumer in
            try await withPublisher(configuration) { publisher in
                _ = await consumer.states.first(\.isReady)
                // More than four intervals without an acknowledgement: the consumer's heartbeats are all that it writes.
                let end = ContinuousClock.now + .milliseconds(4500)
                var sent = 0
                var taken: [Delivery] = []
                while .now < end {
                    try await publisher.submit([[UInt8]](repeating: [7], count: 20), to: queue.name)
                    sent += 20
                    taken += try await consumer.take(sent - taken.count)
                    // Never silent for as long as a heartbeat, and slow enough for the prefetch to last on any machine.
                    try await Task.sleep(for: .milliseconds(5))
                }
                consumer.acknowledge(taken.map(\.tag))
                try await publisher.send(bytes("last"), to: queue.name)
                let last = try await consumer.take(1)[0]
                #expect(last.body == bytes("last") && last.tag.generation == 1)
                #expect(taken.count == sent && taken.allSatisfy { !$0.redelivered && $0.tag.generation == 1 })
                #expect(publisher.statistics.connections == 1 && consumer.statistics.connections == 1)
            }
        }
    }

    @Test(
        "An exchange and a queue that exist with the other value of durable are taken as they are, either way round",
        arguments: [true, false])
    func durableMismatch(existing: Bool) async throws {
        let configuration = try await SharedBroker.server.configuration()
        let exchange = Exchange(name: name("ex"), kind: .topic, durable: existing)
        let queue = Queue(name: name("q"), durable: existing)
        let binding = Binding(queue: queue.name, exchange: exchange.name, routingKey: "k")
        let otherExchange = Exchange(name: exchange.name, kind: .topic, durable: !existing)
        let otherQueue = Queue(name: queue.name, durable: !existing)
        let wanted = Subscription(
            exchanges: [otherExchange], queue: otherQueue,
            bindings: [Binding(exchange: exchange.name, routingKey: "k")])
        try await withPublisher(configuration) { publisher in
            let message = OutboundMessage(
                exchange: exchange.name, routingKey: "k", mandatory: true, body: bytes("1"),
                declarations: [.exchange(exchange), .queue(queue), .binding(binding)])
            try await publisher.publish(message)
            try await withConsumer(configuration, [wanted]) { consumer in
                let delivery = try await consumer.take(1)[0]
                #expect(delivery.body == bytes("1"))
                #expect(consumer.statistics.connections == 1)
            }
            var other = message
            other.declarations = [.exchange(otherExchange), .queue(otherQueue)]
            try await publisher.publish(other)
            #expect(publisher.statistics.connections == 1)
        }
        try await SharedBroker.server.deleteQueue(queue.name)
    }

    @Test("A declaration that differs in something else is an error that says in what")
    func otherMismatch() async throws {
        let configuration = try await SharedBroker.server.configuration()
        let queue = Queue(name: name("q"), arguments: ["x-expires": 60_000])
        try await withPublisher(configuration) { publisher in
            try await publisher.publish(
                OutboundMessage(exchange: "", routingKey: queue.name, body: [], declarations: [.queue(queue)]))
        }
        let other = Subscription(queue: Queue(name: queue.name, autoDelete: true))
        try await withConsumer(configuration, [other]) { consumer in
            let error = await consumer.states.first { $0.lostError != nil }?.lostError
            #expect(error?.code == .declarationRefused)
            #expect(error?.message.contains("'auto_delete'") == true)
        }
    }

    @Test("A deleted queue is declared and consumed again on the same connection")
    func deletedQueue() async throws {
        let server = try await SharedBroker.server
        let configuration = try server.configuration()
        let exchange = Exchange(name: name("ex"), kind: .topic, autoDelete: false)
        let doomed = Queue(name: name("doomed"))
        let other = Queue(name: name("other"), autoDelete: true)
        let subscriptions = [
            Subscription(queue: other),
            Subscription(
                exchanges: [exchange], queue: doomed, bindings: [Binding(exchange: exchange.name, routingKey: "k")]),
        ]
        try await withConsumer(configuration, subscriptions) { consumer in
            _ = await consumer.states.first(\.isReady)
            try await withPublisher(configuration) { publisher in
                try await publisher.send(bytes("held"), to: doomed.name)
                let held = try await consumer.take(1)[0]
                try await server.deleteQueue(doomed.name)
                // Its queue is gone; the broker still knows the tag.
                consumer.acknowledge([held.tag])
                try await eventually("the queue is there again") {
                    do {
                        try await publisher.publish(
                            OutboundMessage(
                                exchange: exchange.name, routingKey: "k", mandatory: true, body: bytes("a")))
                        return true
                    } catch PublishError.returned {
                        return false
                    }
                }
                let delivery = try await consumer.take(1)[0]
                #expect(delivery.body == bytes("a") && delivery.subscription == 1)
                // The same connection, and yet what came before may come again.
                #expect(delivery.epoch > held.epoch && delivery.tag.generation == held.tag.generation)
                try await publisher.send(bytes("b"), to: other.name)
                #expect(try await consumer.take(1)[0].subscription == 0)
            }
            #expect(consumer.statistics.connections == 1)
        }
        try await server.deleteQueue(doomed.name)
    }

    @Test("A channel that the broker closes is a new connection for a consumer, and everything comes again")
    func closedChannel() async throws {
        let server = try await SharedBroker.server
        let configuration = try server.configuration()
        let queue = Queue(name: name("q"), arguments: ["x-expires": 60_000])
        // A consumer that asks for the queue for itself is refused with 403 on the channel as long as another is there.
        let shared = Subscription(queue: queue)
        let greedy = Subscription(queue: queue, exclusive: true)
        try await withConsumer(configuration, [greedy]) { late in
            _ = await late.states.first(\.isReady)
            try await withConsumer(configuration, [shared]) { refused in
                let error = await refused.states.first { $0.lostError != nil }?.lostError
                #expect(error?.code == .channelClosed)
                #expect(error?.replyCode == 403)
                late.shutDown(within: .seconds(5))
                #expect(await refused.states.first(\.isReady) != nil)
                try await withPublisher(configuration) { try await $0.send(bytes("x"), to: queue.name) }
                #expect(try await refused.take(1)[0].body == bytes("x"))
            }
        }
    }
}
