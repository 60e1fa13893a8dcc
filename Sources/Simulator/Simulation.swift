// SPDX-License-Identifier: Apache-2.0

internal import ComputeManager
internal import ComputeModel
internal import OsloMessaging
internal import WorkerStore

/// One history: a worker, its broker, its hypervisor and its disk, run on this thread as a seed decides.
///
/// @unchecked Sendable because only the thread that runs it touches it.
public final class Simulation: @unchecked Sendable {
    /// Something that happens at a moment that is known beforehand.
    struct Appointment {
        let moment: Duration
        let event: Event
    }

    enum Event {
        case startWorker, brokerBack, passwordRight, topologyRight, hostFree, unblock, hypervisorBack, listenersBack,
            schedulerBack
        case diskHeals, instancesHaveRoom, lookAtInstances, consumeAgain, renewConsumer
    }

    /// How likely each kind of step is, against the others.
    struct Temper {
        let job: Int
        let commit: Int
        let broker: Int
        let hypervisor: Int
        let client: Int
        /// Whether the first piece of work that became ready is taken more often than any other.
        let isOrderly: Bool
        /// Whether crashes fall into the middle of work rather than anywhere.
        let isAimed: Bool
        /// Whether there are services that give addresses and volumes.
        let hasPeers: Bool
        /// The step of an operation in whose middle the worker is to die, if it comes to it.
        let target: Coverage.Pair?
        /// Whether the operator wants guests resumed that went down with the host.
        let resumesGuests: Bool
        /// How long a request may wait.
        let ageLimits: AgeLimits
        /// What the worker does by itself every so often; nil for the reading of all guests alone.
        let periodic: PeriodicConfiguration?

        var isAboutHostBoot: Bool { target?.needsHostBoot == true }

        init(_ dice: inout SeededGenerator) {
            job = dice.pick([300, 1000, 3000])
            commit = dice.pick([30, 100, 400])
            broker = dice.pick([40, 150, 400])
            hypervisor = dice.pick([20, 80, 300])
            client = dice.pick([6, 20, 60])
            isOrderly = dice.chance(40)
            isAimed = dice.chance(75)
            target = dice.chance(80) ? dice.pick(Coverage.targets) : nil
            hasPeers = target != nil || dice.chance(50)
            resumesGuests = target?.needsHostBoot == true || dice.chance(40)
            ageLimits = (dice.chance(25) ? AgeLimits(["default:600", "run_instance:300"]) : nil) ?? AgeLimits()
            periodic = dice.chance(target == nil ? 70 : 25) ? PeriodicConfiguration(&dice) : nil
        }
    }

    let seed: UInt64
    let world: World
    let executor = SeededExecutor()
    let broker: SimulatedBroker
    let hypervisor: SimulatedHypervisor
    let disk: Disk
    let mutant: Mutant?
    let temper: Temper
    var traffic: Traffic
    var worker: SimulatedWorker?
    var root: Task<Void, Never>?
    /// Another worker of the same host.
    var rival: Task<Void, Never>?
    var appointments: [Appointment] = []
    /// Whether the store told that a bit which the disk turned over cost it something.
    private(set) var isDamaged = false
    /// Whether such a bit made the store refuse its database.
    private(set) var isBeyondUse = false
    /// Whether the disk of the guests has no room.
    var isInstancesFull = false
    /// Whether that disk will be looked at again, as it is every few seconds.
    var isLookDue = false
    /// Set when the faults are over.
    private var settlingSince: Duration?
    /// Steps that are still made with faults after the last wish.
    private var tail: Int
    /// Steps until the worker dies where it was aimed at; nil while it does not stand there.
    var crashCountdown: Int?
    /// Steps for which a client still waits until the worker is idle.
    var patience = 1500

    static let stepLimit = 400_000
    /// Longer than the worker waits between two readings of all guests.
    static let calm = Duration.seconds(700)
    static let patience = Duration.seconds(12 * 3600)

    /// - Parameter mutant: a bug to be planted.
    public init(
        seed: UInt64, size: SimulationSize = SimulationSize(), mutant: Mutant? = nil, keepsHistory: Bool = false
    ) {
        self.seed = seed
        self.mutant = mutant
        var dice = SeededGenerator(seed: seed, stream: 3)
        temper = Temper(&dice)
        // The step that a history is about may come long after the last wish.
        tail = dice.below(600) + (temper.target == nil ? 0 : 150)
        var faults = Faults(&dice, calm: dice.chance(3))
        if let target = temper.target { faults.grant(target.faults) }
        if temper.periodic?.runningDeletedAction == .reap { faults.grant([.guestReturns]) }
        if temper.periodic?.rebootTimeout != nil, temper.target == nil { faults.grant([.callSlow]) }
        world = World(seed: seed, faults: faults, keepsHistory: keepsHistory)
        world.buildTimeout = temper.periodic?.buildTimeout
        broker = SimulatedBroker(world: world)
        hypervisor = SimulatedHypervisor(world: world)
        disk = Disk()
        traffic = Traffic(
            seed: seed, size: size, target: temper.target, hasTasks: temper.periodic != nil)
    }

    /// Runs the history to its end and checks what must hold.
    public func run() -> Outcome {
        if let target = temper.target { world.note("about \(target.name)") }
        startWorker()
        while world.violations.isEmpty, !isBeyondUse, !isOver { step() }
        if world.violations.isEmpty, !isBeyondUse { check() }
        freeHost()
        if let worker { kill(worker) }
        if executor.foreignCount > 0 {
            world.violate(.oneThread, "\(executor.foreignCount) pieces of work came from other threads")
        }
        return Outcome(self)
    }

    /// Whether all is done, with the faults gone.
    private var isOver: Bool {
        guard let began = settlingSince else { return false }
        if world.history.steps > Self.stepLimit || world.now - began > Self.patience {
            world.violate(.endsQuiet, "not quiet \(world.now - began) after the last fault: \(remains)")
            return true
        }
        // A call that waits for its hypervisor shows only in what happens when time passes.
        return isQuiet && (nextMoment == nil || world.now - began > Self.calm)
    }

    var isQuiet: Bool {
        guard let worker, worker.end == nil, !worker.isStopping, traffic.left == 0, executor.count == 0, broker.isEmpty,
            broker.publishes.isEmpty
        else {
            return false
        }
        let levels = worker.store.levels
        return hypervisor.calls.isEmpty && hypervisor.late.isEmpty && hypervisor.starting.isEmpty
            && world.peers.late.isEmpty && broker.handedBack.isEmpty
            && worker.store.pendingWork.isEmpty && levels.unfinished == 0 && levels.outbox == 0
    }

    var remains: String {
        guard let worker else { return "no worker" }
        let levels = worker.store.levels
        return "unfinished \(levels.unfinished), outbox \(levels.outbox), calls \(hypervisor.calls.count), "
            + "publishes \(broker.publishes.count), broker empty \(broker.isEmpty), ready \(executor.count)"
    }

    // MARK: The worker's lives

    func startWorker() {
        guard worker == nil else { return }
        hypervisor.generation += 1
        world.note("worker \(hypervisor.generation) starts")
        if meetNewerJournal() { return }
        if world.ledger.ends > 0, broker.holder == nil {
            for kind in [FaultKind.secondWorker, .lockLingers] where world.faults.has(kind) && world.dice.chance(30) {
                world.faults.spend(kind)
                loseHost(to: kind)
                break
            }
        }
        let store: WorkerStore
        do {
            store = try disk.open(world)
        } catch {
            world.note("the store can't be opened: \(error)")
            if error.code == .damaged || error.code == .newerSchema, world.faults.counts[.flippedBit] != nil {
                // Refused in words, and left as it is: there is no history to go on with.
                isBeyondUse = true
                return
            }
            if world.faults.isOn {
                appoint(.startWorker, in: .seconds(1 + world.dice.below(20)))
            } else {
                world.violate(.staysUp, "the store can't be opened with a healthy disk: \(error)")
            }
            return
        }
        noticeDamage(store)
        checkBooks(store)
        let worker = SimulatedWorker(
            world: world, broker: broker, hypervisor: hypervisor, store: store, forms: traffic.notificationForms,
            hasPeers: temper.hasPeers, resumesGuests: temper.resumesGuests, ageLimits: temper.ageLimits,
            periodic: temper.periodic, mutant: mutant)
        self.worker = worker
        worker.room.report(isFull: isInstancesFull)
        worker.connect()
        // The one free task: the simulation stands where the process stands, and a process has a root.
        root = Task(executorPreference: executor) { await worker.run() }
    }

    /// Ends a worker as a kill does, and lets nothing of it reach the outside.
    func kill(_ worker: SimulatedWorker, losesPower: Bool = false) {
        countTasks(of: worker)
        world.ledger.ends += 1
        // First: a connection that is closed would write what it has not written yet.
        disk.crash(losesPower: losesPower, &world.dice)
        worker.die()
        root?.cancel()
        var pieces = 0
        while worker.end == nil, pieces < 100_000 {
            guard executor.count > 0 else {
                world.clock.advance(to: world.now + .seconds(1))
                pieces += 100
                continue
            }
            executor.run(at: 0)
            pieces += 1
        }
        while executor.count > 0 { executor.run(at: 0) }
        if worker.end == nil { world.violate(.endsQuiet, "a killed worker's tasks do not end") }
        root = nil
        self.worker = nil
    }

    /// Looks whether the store says that it lost something.
    func noticeDamage(_ store: WorkerStore) {
        guard !isDamaged, world.faults.counts[.flippedBit] != nil else { return }
        isDamaged = !store.quarantined.isEmpty || store.log.droppedBytes > 0
        if isDamaged { world.note("the store is damaged: \(store.log), set aside \(store.quarantined.count)") }
    }

    /// Looks whether the worker ended by itself.
    func noticeEnd() {
        guard let worker, let end = worker.end else { return }
        countTasks(of: worker)
        world.ledger.ends += 1
        switch end {
        case .stopped: world.note("worker stopped")
        case .failed(let held as HostHeld): noticeRefusal(held, of: worker)
        case .failed(let error):
            world.note("worker failed: \(error)")
            let isDamage = (error as? StoreError)?.code == .damaged && world.faults.counts[.flippedBit] != nil
            if !isDamage { world.violate(.staysUp, "the worker ended by itself: \(error)") }
        }
        disk.crash(losesPower: false, &world.dice)
        worker.die()
        while executor.count > 0 { executor.run(at: 0) }
        root = nil
        self.worker = nil
        appoint(.startWorker, in: .seconds(world.dice.below(60)))
    }

    /// Runs something of the simulation's own, at once and to its end.
    func runNow(_ body: @escaping @Sendable () async -> Void) {
        final class Flag: @unchecked Sendable { var isSet = false }
        // Because only this thread touches it.
        let flag = Flag()
        Task(executorPreference: executor) {
            await body()
            flag.isSet = true
        }
        while !flag.isSet, executor.count > 0 { executor.run(at: executor.count - 1) }
    }

    // MARK: Time

    func appoint(_ event: Event, in delay: Duration) {
        appointments.append(Appointment(moment: world.now + delay, event: event))
    }

    /// The next moment at which something happens by itself.
    var nextMoment: Duration? {
        [world.clock.nextWakeUp, hypervisor.nextRelease, appointments.map(\.moment).min()].compactMap(\.self).min()
    }

    func advance(to moment: Duration) {
        if moment > world.now + .milliseconds(500) {
            for call in hypervisor.calls { world.ledger.disturb(call.wish, call.instance) }
        }
        world.history.mix(Int(moment / .milliseconds(1)))
        world.clock.advance(to: moment)
        hypervisor.releaseHeld(upTo: moment)
        let due = appointments.filter { $0.moment <= moment }
        appointments.removeAll { $0.moment <= moment }
        for appointment in due { keep(appointment.event) }
    }

    /// The faults are over; what is broken is mended.
    func settle() {
        guard settlingSince == nil else { return }
        world.note("settling")
        if possibleFaults().contains(.guestReturns) {
            world.faults.spend(.guestReturns)
            happen(.guestReturns)
        }
        world.faults.isOn = false
        settlingSince = world.now
        hypervisor.releaseAll()
        disk.heal()
        let open = appointments
        appointments = []
        for appointment in open { keep(appointment.event) }
        startWorker()
    }

    var isSettling: Bool { settlingSince != nil }

    /// One step less until the faults are over.
    func countTail() {
        guard traffic.left == 0, !isSettling else { return }
        tail -= 1
        if tail <= 0 { settle() }
    }
}
