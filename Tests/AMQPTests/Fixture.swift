// SPDX-License-Identifier: Apache-2.0

import AMQP
import Logging
import TestSupport
import Testing

/// The broker that tests share when they disturb nobody else on it. It ends with the process.
enum SharedBroker {
    private static let starting = Task {
        try await RabbitMQServer.start(certificate: .init(hosts: ["localhost"], addresses: ["127.0.0.1"]))
    }

    static var server: RabbitMQServer {
        get async throws { try await starting.value }
    }
}

let quiet = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

func name(_ prefix: String) -> String { "\(prefix).\(UInt64.random(in: 0 ... .max))" }

extension RabbitMQServer {
    func configuration(_ change: (inout BrokerConfiguration) -> Void = { _ in }) throws -> BrokerConfiguration {
        var configuration = try BrokerConfiguration(transportURL: url())
        configuration.reconnect = ReconnectPolicy(
            initial: .milliseconds(100), step: .milliseconds(100), maximum: .seconds(1))
        change(&configuration)
        return configuration
    }
}

/// Runs a publisher beside the body and closes it afterwards.
func withPublisher<Result: Sendable>(
    _ configuration: BrokerConfiguration, window: Int = 512,
    _ body: @Sendable (Publisher) async throws -> Result
) async throws -> Result {
    let publisher = Publisher(configuration: configuration, window: window, logger: quiet)
    return try await withThrowingTaskGroup(of: Void.self) { group in
        group.addTask { try await publisher.run() }
        let result = try await body(publisher)
        group.cancelAll()
        try await group.waitForAll()
        return result
    }
}

/// Runs a consumer beside the body and closes it afterwards.
func withConsumer<Result: Sendable>(
    _ configuration: BrokerConfiguration, _ subscriptions: [Subscription], prefetch: UInt16 = 256,
    maximumBodySize: Int = 4 << 20, maximumOutstandingBytes: Int = 64 << 20,
    _ body: @Sendable (Consumer) async throws -> Result
) async throws -> Result {
    let consumer = Consumer(
        configuration: configuration, prefetch: prefetch, maximumBodySize: maximumBodySize,
        maximumOutstandingBytes: maximumOutstandingBytes, logger: quiet, subscriptions: { subscriptions })
    return try await withThrowingTaskGroup(of: Void.self) { group in
        group.addTask { try await consumer.run() }
        let result = try await body(consumer)
        group.cancelAll()
        try await group.waitForAll()
        return result
    }
}

extension Consumer {
    /// Takes deliveries until there are so many.
    func take(_ count: Int) async throws -> [Delivery] {
        var deliveries: [Delivery] = []
        while deliveries.count < count {
            deliveries += try #require(await nextBatch(), "the consumer ended")
        }
        return deliveries
    }
}

extension AsyncStream<ConnectionState> {
    /// The first state that fits; nil if the stream ends before.
    func first(_ fits: (ConnectionState) -> Bool) async -> ConnectionState? {
        for await state in self where fits(state) { return state }
        return nil
    }
}

extension ConnectionState {
    var isReady: Bool { if case .ready = self { true } else { false } }
    var isBlocked: Bool { if case .blocked = self { true } else { false } }
    var lostError: BrokerError? { if case .lost(let error, _) = self { error } else { nil } }
}

extension Publisher {
    /// Publishes to a queue by the default exchange.
    func send(_ body: [UInt8], to queue: String, mandatory: Bool = true) async throws {
        try await publish(OutboundMessage(exchange: "", routingKey: queue, mandatory: mandatory, body: body))
    }

    /// Publishes many at once, in any order, and waits for all confirms.
    func send(_ bodies: [[UInt8]], to queue: String) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            for body in bodies { group.addTask { try await self.send(body, to: queue) } }
            try await group.waitForAll()
        }
    }

    /// Hands over many in this order, none of them waiting for another, and waits for all confirms.
    func submit(_ bodies: [[UInt8]], to queue: String) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            // An immediate task runs here until its first wait, which is after the message was handed over.
            for body in bodies { group.addImmediateTask { try await self.send(body, to: queue) } }
            try await group.waitForAll()
        }
    }
}

func bytes(_ text: String) -> [UInt8] { Array(text.utf8) }
