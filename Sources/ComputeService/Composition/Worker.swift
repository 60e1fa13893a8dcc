// SPDX-License-Identifier: Apache-2.0

internal import AMQP
internal import ComputeDriver
internal import ComputeManager
internal import ComputeModel
internal import ImageService
internal import Logging
internal import Metrics
internal import OsloMessaging
internal import ServiceLifecycle
internal import WorkerStore

/// A whole worker, put together from its configuration: what runs, and in which order it stops.
///
/// Everything is a child task of ``run()``. On a graceful stop the server takes nothing more and no operation begins;
/// the intake journals what it has, the operations that run come to their end, then their events go out. What does not
/// end in time stays in the journal for the next start.
final class Worker: Service {
    private enum Part: Sendable, Hashable {
        case stopRequested, server, intake, manager, flushed
        /// Ends with the server that it watches over.
        case watch
        /// Nothing runs any more that a stop would wait for.
        case told
        /// What the others stand on; ends only by cancellation.
        case foundation(String)
    }

    private let configuration: WorkerConfiguration
    private let store: WorkerStore
    private let driver: any ComputeDriver
    private let broker: BrokerSide
    private let manager: ComputeManager
    private let intake: Intake
    private let relay: OutboxRelay
    private let control: ControlServer
    private let disks: DiskWatch
    private let peers: PeerClient
    private let logger: Logger

    /// How long the stop waits for the acknowledgements of what was handed out.
    private static let settling = Duration.seconds(10)
    /// How long the stop waits for the events of the last operations; what is left goes out after the next start.
    private static let flushing = Duration.seconds(5)

    /// Opens the store and makes the parts; nothing is connected before ``run()``.
    ///
    /// - Throws: `StoreError`, `TransportURLError`, `HostIdentityError`: the worker can't be what its configuration
    ///   says.
    init(
        _ configuration: WorkerConfiguration, driver: any ComputeDriver, makeLogger: (String) -> Logger
    ) throws {
        self.configuration = configuration
        self.driver = driver
        logger = makeLogger("compute.service")
        let messaging = configuration.messaging
        let notifications = configuration.notifications
        let broker = try BrokerSide(configuration, makeLogger: makeLogger)
        self.broker = broker
        let identity = HostIdentity(host: configuration.host)
        try identity.check(configuration.store.statePath)
        let store = try WorkerStore(StoreConfiguration(directory: configuration.store.journalDirectory))
        try identity.remember(in: configuration.store.statePath)
        self.store = store
        let encoder = WireMessageEncoder(
            notifications: NotificationEncoder(
                exchange: messaging.controlExchange, topics: notifications.topics, forms: notifications.forms),
            replies: ReplyEncoder(), controlExchange: messaging.controlExchange,
            deadLetterQueue: RPCTopology.deadLetterQueue(messaging.topic, server: configuration.host))
        let sink = BrokerSink(requests: broker.publisher, notifications: broker.notifier)
        peers = try PeerClient(configuration, topology: broker.topology, logger: makeLogger("compute.peers"))
        manager = ComputeManager(
            configuration: ManagerConfiguration(configuration), store: store, driver: driver,
            images: LocalImageDirectory(path: configuration.images.directory),
            peers: Peers(configuration, peers), encoder: encoder, decoder: WireRequestDecoder(), sink: sink, logger: makeLogger("compute.manager"))
        let room = InstanceRoom()
        let options = configuration.manager
        intake = Intake(
            source: BrokerSource(server: broker.server), sink: sink, encoder: encoder, router: manager.router,
            work: manager.work, store: store,
            configuration: IntakeConfiguration(
                highWater: configuration.store.intakeHighWater, lowWater: configuration.store.intakeLowWater,
                // At most half of a queue's window, and no more bytes than leave consuming going on.
                heldLimit: messaging.connection.prefetch / 2, heldBytes: configuration.store.intakeBufferBytes / 4,
                ageLimits: options.ageLimits, finishedRows: options.doneWorkRows),
            room: room, logger: makeLogger("compute.intake"),
            onState: { state in broker.health.update { $0.intake = state } })
        relay = OutboxRelay(
            store: store, sink: sink, observer: manager.castObserver,
            configuration: RelayConfiguration(
                window: messaging.confirmWindow, unroutableNotifications: notifications.unroutable),
            logger: makeLogger("compute.relay"))
        disks = DiskWatch(
            store: store, instances: type(of: driver).needsImage ? configuration.store.instancesPath : nil,
            room: room, health: broker.health, logger: logger)
        control = ControlServer(
            path: ControlSocket.path(inStateDirectory: configuration.store.statePath),
            handler: WorkerControl(manager: manager, intake: intake, store: store, monitor: broker.health),
            logger: makeLogger("compute.control"))
    }

    /// How it fares, and since when that is so.
    var health: (health: ServiceHealth, since: Timestamp) { (broker.health.health, broker.health.since) }

    /// Sets the gauges that tell how full the worker is; asked for when somebody looks.
    func measure() {
        Gauge(label: "compute_journal_unfinished").record(store.levels.unfinished)
        Gauge(label: "compute_rpc_held").record(intake.heldCount)
        Gauge(label: "compute_outbox_pending").record(store.levels.outbox)
        broker.health.measure()
        Gauge(label: "compute_operations_running").record(manager.load.running)
        Gauge(label: "compute_operations_waiting").record(manager.load.waiting)
        let guests = manager.guests
        Gauge(label: "compute_guests_foreign").record(guests.foreign)
        Gauge(label: "compute_guests_quarantined").record(guests.quarantined)
    }

    /// Tells what a stop waits for.
    var stopNotice: StopNotice { StopNotice(running: { self.manager.running }, logger: logger) }

    /// Serves until a graceful shutdown is through or the task is cancelled.
    func run() async throws {
        do {
            try await withThrowingTaskGroup(of: Part.self) { group in
                defer { group.cancelAll() }
                start(in: &group)
                try await supervise(&group)
            }
        } catch {
            let unfinished = store.levels.unfinished
            await store.close()
            if error is CancellationError {
                logger.notice(
                    "stopped before all had ended; the next start goes on with it",
                    metadata: ["unfinished": "\(unfinished)"])
            }
            throw error
        }
        await store.close()
        logger.notice("stopped")
    }

    private func start(in group: inout ThrowingTaskGroup<Part, any Error>) {
        func foundation(_ name: String, _ work: @escaping @Sendable () async throws -> Void) {
            group.addTask {
                try await work()
                return .foundation(name)
            }
        }
        foundation("publisher") { try await self.broker.publisher.run() }
        if broker.notifier !== broker.publisher {
            foundation("notifier") { try await self.broker.notifier.run() }
        }
        foundation("driver") {
            try await self.driver.start()
            let summary = await self.driver.summary()
            self.logger.notice("driver", metadata: ["driver": .string(summary)])
            try await self.driver.run()
        }
        foundation("peers") { try await self.peers.run() }
        foundation("control socket") { await self.control.run() }
        foundation("watch over the disks") { await self.disks.run() }
        foundation("relay") {
            try await self.broker.onceHostIsOurs(isService: true) { try await self.relay.run() }
        }
        if let driver = driver as? any OutageTellingDriver {
            foundation("watch over the hypervisor") { await self.broker.health.followHypervisor(driver.outages()) }
        }
        group.addTask {
            try await self.broker.watch()
            return .watch
        }
        group.addTask {
            try await self.broker.onceHostIsOurs { try await self.manager.run() }
            return .manager
        }
        group.addTask {
            try await self.intake.run()
            return .intake
        }
        group.addTask {
            try await self.broker.server.run()
            return .server
        }
        group.addTask {
            try await gracefulShutdown()
            return .stopRequested
        }
    }

    /// Waits for parts to end, and lets the end of those that take and do work bring about that of the others.
    private func supervise(_ group: inout ThrowingTaskGroup<Part, any Error>) async throws {
        var isStopping = false
        var working: Set<Part> = [.server, .intake, .manager]
        while let part = try await group.next() {
            switch part {
            case .stopRequested:
                isStopping = true
                stop()
                group.addTask {
                    await self.stopNotice.run()
                    return .told
                }
            case .server, .intake, .manager:
                guard isStopping else { throw WorkerFailure.partEnded("\(part)") }
                working.remove(part)
                guard working.isEmpty else { continue }
                group.addTask {
                    await self.flush()
                    return .flushed
                }
            case .watch, .told: break
            case .flushed: return
            case .foundation(let name):
                try Task.checkCancellation()
                throw WorkerFailure.partEnded(name)
            }
        }
    }

    /// Takes nothing more and begins nothing more; what waits is the next start's.
    private func stop() {
        broker.health.update { $0.isStopping = true }
        let load = manager.load
        logger.notice(
            "stopping: taking nothing more", metadata: ["running": "\(load.running)", "waiting": "\(load.waiting)"])
        broker.server.shutDown(within: Self.settling)
        intake.shutDown()
        manager.drain()
    }

    /// Waits until the outbox is empty, but no longer than ``flushing``.
    private func flush() async {
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await self.store.wait(until: { $0.outbox == 0 }) }
            // Cancelled when the outbox is empty first: there is nothing to tell then.
            group.addTask { try? await ContinuousClock().sleep(for: Self.flushing) }
            await group.next()
            group.cancelAll()
        }
        let left = store.levels.outbox
        if left > 0 { logger.notice("events left for the next start", metadata: ["outbox": "\(left)"]) }
    }
}

/// Why a worker ended that nobody had stopped.
enum WorkerFailure: Error, CustomStringConvertible {
    case partEnded(String)

    var description: String {
        switch self {
        case .partEnded(let name): "the \(name) ended by itself, which is a fault of the worker; start it again"
        }
    }
}
