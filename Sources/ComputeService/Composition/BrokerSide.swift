// SPDX-License-Identifier: Apache-2.0

internal import AMQP
internal import ComputeModel
internal import Glibc
internal import Logging
internal import OsloMessaging

/// The worker's side of the brokers: its connections, and what watches over them.
final class BrokerSide: Sendable {
    let topology: RPCTopology
    let server: RPCServer
    let publisher: WirePublisher
    /// The publisher, unless events have a broker of their own.
    let notifier: WirePublisher
    let health: HealthMonitor
    private let claim: HostClaim
    /// How many brokers there are to try.
    private let brokers: Int
    /// Nil where it is switched off.
    private let probe: LoopbackProbe?

    /// - Throws: `TransportURLError`.
    init(_ configuration: WorkerConfiguration, makeLogger: (String) -> Logger) throws {
        let messaging = configuration.messaging
        let host = configuration.host
        let topology = RPCTopology(
            options: TopologyOptions(messaging), notificationTopics: configuration.notifications.topics)
        func broker(_ url: Secret<String>, _ purpose: String) throws -> BrokerConfiguration {
            try BrokerConfiguration(url, messaging.connection, purpose: "\(host):\(purpose)")
        }
        var retry = ReplyRetry()
        retry.patience = messaging.replyRetryTimeout
        func makePublisher(_ url: Secret<String>, _ purpose: String) throws -> WirePublisher {
            WirePublisher(
                configuration: try broker(url, purpose), topology: topology, window: messaging.confirmWindow,
                retry: retry, logger: makeLogger("amqp.\(purpose)"))
        }
        let publisher = try makePublisher(messaging.transportURL, "publish")
        notifier = try configuration.notifications.transportURL.map { try makePublisher($0, "notify") } ?? publisher
        let consuming = try broker(messaging.transportURL, "consume")
        let server = RPCServer(
            configuration: consuming, topology: topology, topic: messaging.topic, server: host,
            prefetch: UInt16(clamping: messaging.connection.prefetch),
            maximumBodySize: messaging.maximumMessageSize,
            maximumOutstandingBytes: configuration.store.intakeBufferBytes, holdsHost: true,
            logger: makeLogger("amqp.consume"))
        var options = LoopbackProbe.Options()
        options.interval = messaging.loopbackInterval ?? options.interval
        options.timeout = messaging.loopbackTimeout
        let health = HealthMonitor(host: host, loopbackLimit: options.failures, logger: makeLogger("compute.service"))
        let probe = LoopbackProbe(
            server: server, publisher: publisher, options: options, logger: makeLogger("amqp.loopback"),
            onReport: { health.probed($0) })
        self.probe = messaging.loopbackInterval == nil ? nil : probe
        claim = HostClaim(
            topic: messaging.topic, host: host, server: server, publisher: publisher, configuration: consuming,
            identity: HostHolder(
                id: RandomIdentifiers().next(), machine: Self.machineName, processID: getpid(),
                since: SystemWallClock().now(), statePath: configuration.store.statePath),
            probe: probe, logger: makeLogger("amqp.claim"))
        self.topology = topology
        self.server = server
        brokers = consuming.endpoints.count
        self.publisher = publisher
        self.health = health
    }

    /// Watches over connections and claim until the server has ended or the task is cancelled.
    ///
    /// - Throws: `HostHeld` where another worker served the host from the beginning.
    func watch() async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            defer { group.cancelAll() }
            group.addTask { await self.health.followPublishing(self.publisher.states) }
            if notifier !== publisher { group.addTask { await self.health.followNotifying(self.notifier.states) } }
            if let probe { group.addTask { await probe.run() } }
            async let end: Void = health.followConsuming(server.states, rival: { self.claim.rival })
            // Ends with the server too.
            try await claim.run()
            await end
        }
    }

    /// Waits until no other worker is known to serve the host: it is claimed, or there is no broker to ask.
    ///
    /// What an earlier run left is not held back by brokers that are away; beside another worker it would be done by
    /// two.
    ///
    /// - Throws: `CancellationError` where the worker ends instead, because the host is another's for instance.
    func hostIsOurs() async throws {
        await Self.hostIsOurs(server.states, brokers: brokers)
        try Task.checkCancellation()
    }

    static func hostIsOurs(_ states: AsyncStream<ConnectionState>, brokers: Int) async {
        // One that is away says nothing of the next, which may have the host held.
        var away = 0
        for await state in states {
            switch state {
            case .ready, .blocked, .closed: return
            case .lost(let error, retryIn: _):
                away = error.code == .queueLocked ? 0 : away + 1
                if away >= brokers { return }
            case .idle, .connecting: continue
            }
        }
    }

    /// The machine's own name.
    private static var machineName: String {
        var bytes = [CChar](repeating: 0, count: 256)
        guard gethostname(&bytes, bytes.count - 1) == 0 else { return "?" }
        return String(decoding: bytes.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}
