// SPDX-License-Identifier: Apache-2.0

internal import AMQP
internal import ComputeManager
internal import ComputeModel
internal import ComputeService
internal import Logging
internal import OsloMessaging
internal import WorkerStore

/// One life of a worker: the real journal, intake, manager and relay between the simulated ports.
///
/// @unchecked Sendable because only the thread of the simulation touches it.
final class SimulatedWorker: @unchecked Sendable {
    private enum Part: Sendable {
        case stopRequested, intake, manager, flushed, control, connection
        case foundation(String)
    }

    /// How a life came to its end.
    enum End {
        case stopped
        case failed(any Error)
    }

    static let host = "compute1"

    let store: WorkerStore
    let source: SimulatedSource
    let sink: SimulatedSink
    let driver: SimulatedDriver
    /// What was seen of the disk of the guests.
    let room = InstanceRoom()
    private let peers: SimulatedPeers
    private let manager: ComputeManager
    private let intake: Intake
    private let relay: OutboxRelay
    private let broker: SimulatedBroker
    /// The connections, and what watches over them.
    let consuming: SimulatedConnection
    let publishing: SimulatedConnection
    let watch: BrokerWatch
    private let clock: SimulatedClock
    private let stops: AsyncStream<Void>
    private let stop: AsyncStream<Void>.Continuation
    private let cancels: AsyncStream<JournalID>
    private let cancel: AsyncStream<JournalID>.Continuation
    private(set) var isStopping = false
    /// Set when the root task is over.
    private(set) var end: End?

    init(
        world: World, broker: SimulatedBroker, hypervisor: SimulatedHypervisor, store: WorkerStore,
        forms: [NotificationForm], hasPeers: Bool, resumesGuests: Bool, ageLimits: AgeLimits,
        periodic: PeriodicConfiguration?, mutant: Mutant?
    ) {
        self.store = store
        self.broker = broker
        clock = world.clock
        source = SimulatedSource(broker: broker)
        sink = SimulatedSink(broker: broker)
        let logger = Logger(label: "worker") { _ in CanaryLog(world: world) }
        let (consuming, publishing) = (
            SimulatedConnection(.consume, broker: broker, logger: logger),
            SimulatedConnection(.publish, broker: broker, logger: logger)
        )
        (self.consuming, self.publishing) = (consuming, publishing)
        let watch = BrokerWatch(
            host: Self.host,
            claim: HostClaim(
                topic: "compute", host: Self.host,
                channel: SimulatedChannel(
                    broker: broker, consuming: consuming.states, publishing: publishing.states,
                    aside: AsyncStream<Delivery>.makeStream().stream),
                identity: HostHolder(
                    id: world.identifiers.next(), machine: Self.host, processID: Int32(hypervisor.generation),
                    since: world.wallClock.now(), statePath: "/journal"),
                identifiers: world.identifiers, clock: world.clock, logger: logger),
            consuming: { consuming.states.stream() }, publishing: { publishing.states.stream() }, clock: world.clock,
            wallClock: world.wallClock, logger: logger)
        self.watch = watch
        driver = SimulatedDriver(hypervisor: hypervisor)
        peers = SimulatedPeers(hypervisor: hypervisor)
        (stops, stop) = AsyncStream.makeStream()
        (cancels, cancel) = AsyncStream.makeStream()
        let wire = WireMessageEncoder(
            notifications: NotificationEncoder(
                forms: forms, identifiers: world.identifiers),
            replies: ReplyEncoder(identifiers: world.identifiers), controlExchange: "nova",
            deadLetterQueue: "compute.\(Self.host).dead")
        let encoder = mutant.encoder(around: wire, sink: sink)
        var configuration = ManagerConfiguration(
            host: Self.host, glanceURL: "http://192.0.2.20:9292",
            updates: UpdateNotifications(onStateChange: world.dice.chance(50) ? .vmAndTaskState : .vmState))
        // There is one host; elsewhere a refused resize puts an instance into ERROR, as nova does.
        configuration.allowsResizeToSameHost = true
        configuration.resumesGuestsOnHostBoot = resumesGuests
        configuration.maximumAttempts = 20
        configuration.ageLimits = ageLimits
        configuration.periodic = periodic
        configuration.auditPeriod = UsageAuditPeriod(.hour)
        manager = ComputeManager(
            configuration: configuration, store: store, driver: driver, images: SimulatedImages(world: world),
            peers: hasPeers ? peers.ports : .none, encoder: encoder, decoder: WireRequestDecoder(), sink: sink, clock: world.clock,
            wallClock: world.wallClock, identifiers: world.identifiers, logger: logger)
        intake = Intake(
            source: mutant.source(around: source, identifiers: world.identifiers), sink: sink, encoder: encoder,
            router: manager.router, work: manager.work, store: store,
            configuration: IntakeConfiguration(highWater: 12, lowWater: 6, ageLimits: ageLimits), clock: world.clock,
            wallClock: world.wallClock, room: room, logger: logger, onState: { watch.intakeChanged($0) })
        relay = OutboxRelay(
            store: store, sink: sink, observer: manager.castObserver, configuration: RelayConfiguration(window: 8),
            clock: world.clock, logger: logger)
    }

    /// Begins to take requests.
    func connect() { broker.attach(source, consuming, publishing) }

    /// Whether it has asked its hypervisor for anything, or sent anything.
    var hasDoneAnything: Bool { driver.calls > 0 || sink.count > 0 }

    /// How many requests wait for room for disks.
    var heldCount: Int { intake.heldCount }

    /// What it does by itself, and how that fares.
    var periodicTasks: [PeriodicTaskStatus] { manager.periodicTasks }

    /// What is under way.
    var running: [RunningOperation] { manager.running }

    /// Asks for an orderly end.
    func requestStop() {
        isStopping = true
        stop.yield()
    }

    /// An operator gives a request up.
    func cancel(_ id: Int) { cancel.yield(JournalID(Int64(id))) }

    /// The process is killed: nothing of it reaches the outside any more.
    func die() {
        source.die()
        sink.die()
        driver.die()
        peers.die()
        broker.detach(source)
        consuming.close()
        publishing.close()
        broker.abandonPublishes()
        broker.isPublisherConnected = false
        store.abandon()
    }

    /// The whole life; stops as the composed worker does.
    func run() async {
        do {
            try await withThrowingTaskGroup(of: Part.self) { group in
                defer { group.cancelAll() }
                start(in: &group)
                try await supervise(&group)
            }
            await store.close()
            end = .stopped
        } catch {
            await store.close()
            end = .failed(error)
        }
    }

    private func start(in group: inout ThrowingTaskGroup<Part, any Error>) {
        for connection in [consuming, publishing] {
            group.addTask {
                await connection.run()
                return .connection
            }
        }
        group.addTask {
            try await self.watch.run()
            return .connection
        }
        group.addTask {
            try await self.driver.run()
            return .foundation("driver")
        }
        group.addTask {
            try await self.watch.onceHostIsOurs(isService: true) { try await self.relay.run() }
            return .foundation("relay")
        }
        group.addTask {
            try await self.watch.onceHostIsOurs { try await self.manager.run() }
            return .manager
        }
        group.addTask {
            try await self.intake.run()
            return .intake
        }
        group.addTask {
            for await id in self.cancels { _ = try? await self.manager.cancel(id) }
            return .control
        }
        group.addTask {
            for await _ in self.stops { break }
            return .stopRequested
        }
    }

    private func supervise(_ group: inout ThrowingTaskGroup<Part, any Error>) async throws {
        while let part = try await group.next() {
            switch part {
            case .stopRequested: source.close()
            case .intake:
                guard isStopping else { throw EndedByItself(part: "intake") }
                broker.detachOrderly(source)
                manager.drain()
            case .manager:
                guard isStopping else { throw EndedByItself(part: "manager") }
                group.addTask {
                    await self.flush()
                    return .flushed
                }
            case .flushed: return
            case .control, .connection: break
            case .foundation(let name): throw EndedByItself(part: name)
            }
        }
    }

    /// Waits for the outbox to be empty, but not for long.
    private func flush() async {
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await self.store.wait(until: { $0.outbox == 0 }) }
            group.addTask { try? await self.clock.sleep(for: .seconds(5)) }
            await group.next()
            group.cancelAll()
        }
    }
}

/// A part of the worker ended though nobody had stopped it.
struct EndedByItself: Error {
    let part: String
}
