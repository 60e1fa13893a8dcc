// SPDX-License-Identifier: Apache-2.0

import AMQP
import ComputeModel
import Logging
import OsloMessaging
import TestSupport
import Testing

/// The broker that these tests share; it ends with the process. Each test has exchanges of its own on it.
enum SharedBroker {
    private static let starting = Task { try await RabbitMQServer.start() }

    static var configuration: BrokerConfiguration {
        get async throws {
            var configuration = try BrokerConfiguration(transportURL: try await starting.value.url())
            configuration.reconnect = ReconnectPolicy(
                initial: .milliseconds(100), step: .milliseconds(100), maximum: .seconds(1))
            return configuration
        }
    }

    static var server: RabbitMQServer { get async throws { try await starting.value } }

    static var url: String { get async throws { try await starting.value.url() } }

    static func delete(queue: String) async throws { try await starting.value.deleteQueue(queue) }

    static func isThere(queue: String) async throws -> Bool {
        try await starting.value.control("list_queues", "name").split(separator: "\n").contains { $0 == queue }
    }
}

let quiet = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

/// Names that no other test uses.
struct Place: Sendable {
    let topic: String
    let topology: RPCTopology
    let configuration: BrokerConfiguration

    init(_ change: (inout TopologyOptions) -> Void = { _ in }) async throws {
        let id = RandomIdentifiers().next().hex.prefix(12)
        topic = "compute-\(id)"
        var options = TopologyOptions()
        options.controlExchange = "nova-\(id)"
        options.isAutoDelete = true
        change(&options)
        topology = RPCTopology(options: options, notificationTopics: ["notifications-\(id)"])
        configuration = try await SharedBroker.configuration
    }

    func server(_ host: String, maximumBodySize: Int = 4 << 20) -> RPCServer {
        RPCServer(
            configuration: configuration, topology: topology, topic: topic, server: host,
            maximumBodySize: maximumBodySize, logger: quiet)
    }

    func client(_ form: WireForm) -> RPCClient {
        RPCClient(configuration: configuration, topology: topology, form: form, logger: quiet)
    }

    func publisher(retry: ReplyRetry = ReplyRetry()) -> WirePublisher {
        WirePublisher(configuration: configuration, topology: topology, retry: retry, logger: quiet)
    }

    func listener() -> NotificationListener {
        NotificationListener(configuration: configuration, topology: topology, logger: quiet)
    }
}

/// What can be run beside a test.
protocol Runnable: Sendable { func run() async throws(BrokerError) }

extension RPCServer: Runnable {}
extension RPCClient: Runnable {}
extension WirePublisher: Runnable {}
extension NotificationListener: Runnable {}
extension Consumer: Runnable {}
extension Publisher: Runnable {}

/// Runs services beside the body and ends them afterwards.
func with<Value: Sendable>(
    _ services: any Runnable..., body: @Sendable @escaping () async throws -> Value
) async throws -> Value {
    try await withThrowingTaskGroup(of: Void.self) { group in
        for service in services { group.addTask { try await service.run() } }
        let value = try await body()
        group.cancelAll()
        // A service of services ends with whatever its own cancelled parts say.
        while await group.nextResult() != nil {}
        return value
    }
}

extension AsyncStream<ConnectionState> {
    /// Returns once everything is declared.
    func ready() async throws {
        for await case .ready in self { return }
        Issue.record("never ready")
    }
}

extension RPCServer {
    func take(_ count: Int) async throws -> [ReceivedMessage] {
        var messages: [ReceivedMessage] = []
        while messages.count < count { messages += try #require(await nextBatch(), "the server ended") }
        return messages
    }

    /// Answers every call until the task ends.
    func serve(
        with publisher: WirePublisher, _ answer: @Sendable (RPCRequest) async -> Result<JSONValue, ComputeFault>
    ) async throws {
        let replies = ReplyEncoder()
        while let batch = await nextBatch() {
            for message in batch {
                acknowledge([message.tag])
                let request = try MessageDecoder().decode(message.body)
                guard let reply = request.reply else { continue }
                let frames =
                    switch await answer(request) {
                    case .success(let value): replies.success(value, to: reply)
                    case .failure(let fault): replies.failure(fault, to: reply)
                    }
                for frame in frames { try await publisher.publish(frame) }
            }
        }
    }
}

extension RequestContext {
    static let test = RequestContext(fields: ["request_id": "req-1", "user_id": "u", "is_admin": true])
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
