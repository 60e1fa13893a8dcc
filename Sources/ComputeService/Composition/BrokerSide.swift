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
    private let connections: BrokerWatch
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
        let claim = HostClaim(
            topic: messaging.topic, host: host, server: server, publisher: publisher, configuration: consuming,
            identity: HostHolder(
                id: RandomIdentifiers().next(), machine: Self.machineName, processID: getpid(),
                since: SystemWallClock().now(), statePath: configuration.store.statePath),
            probe: probe, logger: makeLogger("amqp.claim"))
        self.topology = topology
        self.server = server
        let notifier = notifier
        var notifying: (@Sendable () -> AsyncStream<ConnectionState>)?
        if notifier !== publisher { notifying = { notifier.states } }
        connections = BrokerWatch(
            health: health, claim: claim, brokers: consuming.endpoints.count, consuming: { server.states },
            publishing: { publisher.states }, notifying: notifying)
        self.publisher = publisher
        self.health = health
    }

    /// Watches over connections and claim until the server has ended or the task is cancelled.
    ///
    /// - Throws: `HostHeld` where another worker served the host from the beginning.
    func watch() async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            defer { group.cancelAll() }
            if let probe { group.addTask { await probe.run() } }
            try await connections.run()
        }
    }

    /// See ``BrokerWatch/onceHostIsOurs(isService:_:)``.
    func onceHostIsOurs(isService: Bool = false, _ work: () async throws -> Void) async throws {
        try await connections.onceHostIsOurs(isService: isService, work)
    }

    /// The machine's own name.
    private static var machineName: String {
        var bytes = [CChar](repeating: 0, count: 256)
        guard gethostname(&bytes, bytes.count - 1) == 0 else { return "?" }
        return String(decoding: bytes.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}
