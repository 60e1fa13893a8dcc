// SPDX-License-Identifier: Apache-2.0

internal import AMQP
internal import ComputeDriver
internal import ComputeManager
internal import ComputeModel
internal import WorkerStore

extension Simulation {
    /// How likely a fault is: far more so while something is under way, and a crash most of all in the middle of work.
    func weight(of kind: FaultKind) -> Int {
        switch kind {
        // Where one step is aimed at, the crashes are for that.
        case .crash where temper.target != nil: 0
        case .crash, .powerCut: crashWeight
        // After the build, where a guest that goes down with its host is what the history is about.
        case .hostBoot: isBusy ? 1 : temper.isAboutHostBoot ? 30 : 3
        case .timerFirst: isBusy ? 8 : 1
        case .guestReturns: 150
        default: isBusy ? 6 : 1
        }
    }

    private var crashWeight: Int {
        guard let worker else { return 0 }
        let methods = hypervisor.calls.compactMap { call in
            call.wish.flatMap { $0 < world.ledger.wishes.count ? world.ledger.wishes[$0].method : nil }
        }
        let isHosts = hypervisor.calls.contains { $0.kind == .host }
        // Every history has its builds, and few have any one of the others.
        if !methods.isEmpty || isHosts {
            return temper.isAimed && methods.allSatisfy { $0 == .run } && !isHosts ? 5 : 120
        }
        if worker.store.pendingWork.writes > 0 || broker.answerable > 0 { return temper.isAimed ? 4 : 10 }
        return worker.store.levels.unfinished > 0 ? temper.isAimed ? 1 : 6 : temper.isAimed ? 0 : 1
    }

    /// Whether somebody waits for something that is under way.
    private var isBusy: Bool {
        guard let worker else { return false }
        return !hypervisor.calls.isEmpty || !broker.publishes.isEmpty || !broker.isEmpty
            || worker.store.pendingWork.writes > 0 || worker.store.levels.unfinished > 0
    }

    /// Faults that can happen by themselves, as things stand.
    func possibleFaults() -> [FaultKind] {
        var kinds: [FaultKind] = []
        // Before the first wish there is nothing to disturb.
        guard !world.ledger.wishes.isEmpty else { return kinds }
        func offer(_ kind: FaultKind, when isPossible: Bool = true) {
            if isPossible, world.faults.has(kind) { kinds.append(kind) }
        }
        let lives = worker != nil
        offer(.crash, when: lives)
        offer(.powerCut, when: lives)
        offer(.hostBoot, when: lives)
        offer(.gracefulStop, when: worker.map { !$0.isStopping } ?? false)
        offer(.operatorCancel, when: worker.map { !$0.isStopping && $0.store.levels.unfinished > 0 } ?? false)
        offer(.clockJump)
        offer(.timerFirst, when: lives && world.clock.nextWakeUp != nil)
        offer(.consumerConnectionLost, when: broker.isConsumerConnected)
        offer(.consumerCancelled, when: broker.isConsumerConnected)
        offer(.halfOpen, when: broker.isConsumerConnected && !broker.isDeaf)
        offer(.wrongPassword, when: lives && broker.isUp && !broker.refusesLogin)
        offer(.changedTopology, when: lives && broker.isUp && !broker.hasOtherTopology)
        for kind in [FaultKind.secondWorker, .lockLingers] {
            offer(kind, when: broker.isConsumerConnected && broker.holder == nil)
        }
        offer(.instancesFull, when: !isInstancesFull)
        offer(.publisherConnectionLost, when: broker.isPublisherConnected)
        offer(.outage, when: broker.isUp)
        offer(.memoryAlarm, when: broker.isPublisherConnected && !broker.isBlocked)
        offer(.listenersGone, when: broker.hasListeners)
        offer(.schedulerGone, when: broker.hasScheduler)
        offer(.hypervisorAway, when: !hypervisor.isAway)
        offer(.guestVanishes, when: !traffic.instances.isEmpty)
        offer(.guestStops, when: !traffic.instances.isEmpty)
        offer(.guestAppears)
        if world.faults.has(.guestReturns), worker?.store.levels.unfinished == 0, broker.isEmpty {
            offer(.guestReturns, when: !deletedInstances.isEmpty)
        }
        for kind in [FaultKind.diskFull, .writeError, .syncError, .readError] { offer(kind) }
        return kinds
    }

    func happen(_ kind: FaultKind) {
        switch kind {
        case .crash, .powerCut:
            // Some fall into the middle of what is written next.
            if world.dice.chance(40) {
                disk.crashSoon(losesPower: kind == .powerCut, &world.dice)
            } else {
                crash(losesPower: kind == .powerCut)
            }
        case .hostBoot:
            crash(losesPower: true)
            let hypervisor = hypervisor
            runNow { await hypervisor.boot() }
        case .gracefulStop: worker?.requestStop()
        case .operatorCancel:
            guard let worker else { return }
            let levels = worker.store.levels
            world.ledger.cancels += 1
            worker.cancel(1 + world.dice.below(levels.unfinished + levels.finished + 1))
        case .clockJump: world.wallClock.jump(by: .seconds(world.dice.within(-3600...3600)))
        case .timerFirst: if let moment = world.clock.nextWakeUp { advance(to: moment) }
        case .consumerCancelled:
            broker.cancelConsumer()
            appoint(.consumeAgain, in: .milliseconds(world.dice.below(5000)))
        case .halfOpen:
            broker.goDeaf()
            appoint(.renewConsumer, in: .seconds(world.dice.within(10...90)))
        case .instancesFull:
            reportInstances(areFull: true)
            appoint(.instancesHaveRoom, in: .seconds(world.dice.within(1...900)))
        case .consumerConnectionLost:
            broker.disconnectConsumer()
        case .publisherConnectionLost:
            broker.disconnectPublisher()
        case .outage:
            let duration = Duration.seconds(world.dice.within(600...4 * 3600))
            broker.disconnectConsumer()
            broker.disconnectPublisher()
            broker.isUp = false
            appoint(.brokerBack, in: duration)
        case .wrongPassword:
            broker.refusesLogin = true
            let forced = BrokerError(.connectionClosed, "simulated: CONNECTION_FORCED", replyCode: 320)
            broker.disconnectConsumer(forced)
            broker.disconnectPublisher(forced)
            appoint(.passwordRight, in: .seconds(world.dice.within(20...300)))
        case .changedTopology:
            broker.hasOtherTopology = true
            // The broker cancels the consumer with its queue, which can't be declared any more.
            broker.disconnectConsumer(
                BrokerError(.declarationRefused, SimulatedBroker.inequivalent, replyCode: 406))
            appoint(.topologyRight, in: .seconds(world.dice.within(20...300)))
        case .secondWorker, .lockLingers:
            broker.disconnectConsumer()
            world.faults.count(.takenOver)
            loseHost(to: kind)
        case .memoryAlarm:
            broker.block("low on memory")
            appoint(.unblock, in: .seconds(world.dice.within(1...600)))
        case .listenersGone:
            broker.hasListeners = false
            appoint(.listenersBack, in: .seconds(world.dice.within(1...300)))
        case .schedulerGone:
            broker.hasScheduler = false
            appoint(.schedulerBack, in: .seconds(world.dice.within(1...300)))
        case .hypervisorAway:
            hypervisor.isAway = true
            appoint(.hypervisorBack, in: .seconds(world.dice.within(1...400)))
        case .guestVanishes, .guestStops, .guestAppears: touchGuest(kind)
        case .guestReturns: returnGuest(of: world.dice.pick(deletedInstances))
        default:
            disk.happen(kind, &world.dice)
            if kind == .diskFull { appoint(.diskHeals, in: .seconds(world.dice.within(1...900))) }
        }
    }

    /// The worker dies here and now, and is started again after a while.
    func crash(losesPower: Bool = false) {
        guard let worker else { return }
        for place in places() { world.crashPlaces[place, default: 0] += 1 }
        for operation in worker.running where Coverage.hasNoSteps(operation.method) {
            if let id = operation.requestID { world.cutOff.insert(id) }
        }
        world.note("the worker dies")
        kill(worker, losesPower: losesPower)
        if world.faults.has(.flippedBit), world.dice.chance(60), disk.flipBit(&world.dice) {
            world.faults.spend(.flippedBit)
            world.note("FAULT flipped bit")
        }
        appoint(.startWorker, in: .milliseconds(world.dice.below(world.dice.pick([10, 3000, 60_000]))))
    }

    func keep(_ event: Event) {
        world.note("event \(event)")
        switch event {
        case .startWorker: startWorker()
        case .consumeAgain: broker.consumeAgain()
        case .renewConsumer: broker.renewConsumer()
        case .instancesHaveRoom: reportInstances(areFull: false)
        case .lookAtInstances:
            isLookDue = false
            reportInstances(areFull: isInstancesFull)
        case .brokerBack: broker.comeBack()
        case .passwordRight:
            checkReasons(.accessRefused, "check user and password")
            broker.refusesLogin = false
        case .topologyRight:
            checkReasons(.declarationRefused, "it exists with other properties")
            broker.hasOtherTopology = false
        case .hostFree: freeHost()
        case .unblock: broker.block(nil)
        case .hypervisorBack: hypervisor.isAway = false
        case .listenersBack: broker.hasListeners = true
        case .schedulerBack: broker.hasScheduler = true
        case .diskHeals: disk.heal()
        }
    }

    /// What a look at the disk of the guests shows; the next life of the worker looks as well.
    private func reportInstances(areFull: Bool) {
        isInstancesFull = areFull
        worker?.room.report(isFull: areFull)
    }

    private func touchGuest(_ kind: FaultKind) {
        let hypervisor = hypervisor
        if kind == .guestAppears {
            guard let stranger = traffic.stranger() else { return }
            return runNow { await hypervisor.appear(stranger.id, stranger) }
        }
        let id = world.dice.pick(traffic.instances)
        guard let wish = world.ledger.wishes.first(where: { $0.instance == id && $0.method == .run }),
            let instance = traffic.instance(of: wish)
        else { return }
        runNow {
            if kind == .guestVanishes {
                await hypervisor.vanish(id, instance)
            } else {
                await hypervisor.stop(id, instance)
            }
        }
    }

    /// Instances that were built here and deleted, and that nobody wants built again.
    private var deletedInstances: [InstanceID] {
        traffic.instances.filter { id in
            // One whose delete failed at a service is still there, in ERROR.
            guard
                let last = world.ledger.wishes.last(where: {
                    $0.instance == id && ($0.method == .terminate || $0.method == .run)
                }), last.method == .terminate, !world.ledger.disturbed.contains(last.number),
                !world.ledger.untold.contains(id)
            else { return false }
            return world.ledger.effects.last { $0.instance == id }?.operation == DriverOperation.destroy.rawValue
        }
    }

    /// Somebody starts the guest of a deleted instance from a copy that he kept.
    private func returnGuest(of id: InstanceID) {
        guard let wish = world.ledger.wishes.first(where: { $0.instance == id && $0.method == .run }),
            let instance = traffic.instance(of: wish)
        else { return }
        world.ledger.touched.insert(id)
        world.ledger.returnedGuests.insert(id)
        let hypervisor = hypervisor
        runNow { await hypervisor.appear(id, instance) }
    }

    /// Where the work stands that a crash cuts off.
    private func places() -> [String] {
        var places: [String] = hypervisor.calls.compactMap { call in
            let moment = call.isAfterEffect ? "after its effect" : "before its effect"
            if call.kind == .host { return "\(call.operation), \(moment)" }
            guard let wish = call.wish, wish < world.ledger.wishes.count else { return nil }
            return "\(world.ledger.wishes[wish].method.name): \(call.operation), \(moment)"
        }
        if let work = worker?.store.pendingWork {
            if work.writes > 0 { places.append("before a commit") }
            if work.strikes > 0 { places.append("between confirm and strike") }
        }
        if broker.hasAnswers { places.append("between commit and acknowledgement") }
        if broker.answerable > 0 { places.append("between publish and confirm") }
        if places.isEmpty { places.append("elsewhere") }
        return places
    }
}
