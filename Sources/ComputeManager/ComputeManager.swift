// SPDX-License-Identifier: Apache-2.0

public import ComputeDriver
public import ComputeModel
public import ImageService
public import Logging
public import WorkerStore

/// Does what the scheduler asks for: the lanes, the operations and the events of one host.
///
/// It is put together with an intake, which journals and hands over what arrives, and an outbox relay, which sends what
/// the operations wrote; the three share the store and know each other by ``router``, ``work`` and ``castObserver``.
public final class ComputeManager: Sendable {
    let services: ManagerServices
    let dispatcher: Dispatcher
    private let heartbeats: Heartbeats
    private let reconciler: Reconciler
    private let periodic: PeriodicTasks?

    /// - Parameters:
    ///   - peers: the services that are asked; none by default.
    ///   - dialect: the wire methods that are served.
    ///   - clock: what deadlines, grace and heartbeats are measured by.
    ///   - wallClock: what times in rows and events are taken from.
    public init(
        configuration: ManagerConfiguration, store: WorkerStore, driver: any ComputeDriver, images: any ImageLibrary,
        peers: Peers = .none, encoder: any MessageEncoder, decoder: any RequestDecoder, sink: any MessageSink,
        dialect: DialectTable = FolsomDialect.table, clock: any Clock<Duration> = ContinuousClock(),
        wallClock: any WallClock = SystemWallClock(), identifiers: any IdentifierSource = RandomIdentifiers(),
        logger: Logger
    ) {
        let events = EventFactory(
            host: configuration.host,
            payload: InstancePayload(glanceURL: configuration.glanceURL, auditPeriod: configuration.auditPeriod),
            updates: configuration.updates, isTelling: encoder.sendsNotifications,
            auditsUsage: configuration.periodic?.usageAudit == true && encoder.sendsNotifications, clock: wallClock,
            time: SteadyTime(wallClock, beside: clock), identifiers: identifiers)
        let gateway = DriverGateway(
            driver: driver, deadlines: configuration.deadlines, interruptionGrace: configuration.interruptionGrace,
            clock: clock, logger: logger)
        services = ManagerServices(
            configuration: configuration, store: store, driver: gateway, images: images, peers: peers,
            encoder: encoder, decoder: decoder, sink: sink, dialects: dialect, events: events,
            deleted: DeletedInstances(limit: configuration.doneWorkRows),
            departed: InstanceMemory(limit: configuration.doneWorkRows),
            capacity: HostCapacity(rules: configuration.claims), clock: clock, identifiers: identifiers,
            logger: logger)
        heartbeats = Heartbeats(sink: sink, encoder: encoder, clock: clock)
        let dispatcher = Dispatcher(services: services, heartbeats: heartbeats)
        let reconciler = Reconciler(services: services, dispatcher: dispatcher)
        (self.dispatcher, self.reconciler) = (dispatcher, reconciler)
        let surroundings = configuration.periodic.map { [services] in
            PeriodicSurroundings(
                services: services, dispatcher: dispatcher, configuration: $0, time: services.events.time)
        }
        periodic = surroundings.map { surroundings in
            PeriodicTasks(
                tasks: PeriodicTaskList.all(surroundings)
                    + [PowerStateSync(reconciler: reconciler, every: configuration.powerSyncInterval)],
                board: PeriodicBoard(wallClock: wallClock, logger: logger),
                fuzzyDelay: surroundings.configuration.fuzzyDelay, clock: clock, identifiers: identifiers)
        }
    }

    /// Says what a message asks for; the intake asks it for every message.
    public var router: any RequestRouter { services.dialects }

    /// Requests that the worker makes of itself.
    var ownRequests: OwnRequests { OwnRequests(services: services, work: dispatcher) }

    /// Takes what the intake has journaled.
    public var work: any AcceptedWork { dispatcher }

    /// Hears from the relay what became of casts to other services.
    public var castObserver: any CastObserver { CastFate(services: services) }

    /// How many requests wait for their turn, and how many are being worked on.
    public var load: (waiting: Int, running: Int) { dispatcher.load }

    /// Guests that no instance owns, and guests that do not answer their hypervisor.
    public var guests: (foreign: Int, quarantined: Int) {
        (reconciler.foreign.count, services.driver.quarantined.count)
    }

    /// What the worker does by itself, and how that fares.
    public var periodicTasks: [PeriodicTaskStatus] { periodic?.board.statuses ?? [] }

    /// What the host has, nil before its hypervisor has told it, and what of it is claimed.
    public var resources: (total: ClaimAmounts?, claimed: ClaimAmounts) {
        (services.capacity.resources.map { ClaimAmounts(of: $0) }, services.store.levels.claimed)
    }

    /// What is being worked on, in the order of the journal.
    public var running: [RunningOperation] { dispatcher.running }

    /// Gives a request up: one that waits ends with its error event and its reply, one that was begun undoes itself.
    ///
    /// A delete that has begun is done to its end. A restart goes on with nothing of which this returned.
    public func cancel(_ id: JournalID) async throws -> CancelOutcome { try await dispatcher.cancel(id) }

    /// Takes up what an earlier run left, then works on what arrives; returns after ``drain()``, or soon after its task
    /// is cancelled: what is unfinished then stays in the journal for the next start.
    public func run() async throws {
        // Only the dispatcher's end is the manager's, whatever becomes of the others.
        try await withThrowingTaskGroup(of: Bool.self) { group in
            func beside(_ work: @escaping @Sendable () async -> Void) {
                group.addTask {
                    await work()
                    return false
                }
            }
            beside { await self.heartbeats.run() }
            beside { await Housekeeping(services: self.services).run() }
            // Behind the serving: nobody waits for it.
            if !self.services.configuration.lanesClosed { beside { await self.reconciler.run() } }
            if !self.services.configuration.lanesClosed, let periodic { beside { await periodic.run() } }
            group.addTask {
                try await self.dispatcher.run()
                return true
            }
            while let isDispatcher = try await group.next(), !isDispatcher {}
            group.cancelAll()
        }
    }

    /// Begins no more work; ``run()`` returns when what runs has ended.
    public func drain() { dispatcher.drain() }
}
