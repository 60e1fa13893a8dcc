// SPDX-License-Identifier: Apache-2.0

internal import ComputeDriver
internal import ComputeManager
internal import ComputeModel
internal import WorkerStore

extension Simulation {
    /// What may happen next.
    enum Choice {
        case job, commit, read, deliver, hearAnswer, route, confirm, call, late, client, scheduler, tick, wait
        case fault(FaultKind)
    }

    /// One thing happens, out of all that could.
    func step() {
        countTail()
        if disk.hasStopped { crash() }
        // No commit tells that an operation without steps has begun.
        if temper.target?.step == Coverage.begun { aim() }
        shoot()
        noticeEnd()
        if !isLookDue, let worker, worker.heldCount > 0 {
            isLookDue = true
            appoint(.lookAtInstances, in: .seconds(10))
        }
        let choices = possible()
        let total = choices.reduce(0) { $0 + $1.weight }
        guard total > 0 else { return passTime() }
        var drawn = world.dice.below(total)
        for (choice, weight) in choices {
            drawn -= weight
            if drawn < 0 { return make(choice) }
        }
    }

    /// Nothing can happen before time passes.
    private func passTime() {
        if let moment = nextMoment { return advance(to: moment) }
        if !isSettling { return settle() }
        if !isQuiet { world.violate(.endsQuiet, "nothing happens any more: \(remains)") }
    }

    private func possible() -> [(choice: Choice, weight: Int)] {
        var choices: [(choice: Choice, weight: Int)] = []
        choices.reserveCapacity(24)
        if executor.count > 0 { choices.append((.job, temper.job)) }
        if let worker {
            let work = worker.store.pendingWork
            if work.writes > 0 {
                choices.append((.commit, temper.commit))
            } else if work.strikes > 0 {
                choices.append((.commit, max(1, temper.commit / 8)))
            }
            if work.reads > 0 { choices.append((.read, temper.commit)) }
        }
        if broker.canDeliver { choices.append((.deliver, temper.broker)) }
        if broker.hasAnswers { choices.append((.hearAnswer, temper.broker)) }
        if broker.canRoute { choices.append((.route, temper.broker)) }
        if broker.answerable > 0 { choices.append((.confirm, temper.broker)) }
        if !hypervisor.runnable.isEmpty { choices.append((.call, temper.hypervisor)) }
        if !hypervisor.late.isEmpty || !hypervisor.starting.isEmpty || !world.peers.late.isEmpty { choices.append((.late, temper.hypervisor)) }
        if !broker.handedBack.isEmpty { choices.append((.scheduler, temper.client)) }
        if traffic.left > 0, !isClientWaiting() { choices.append((.client, temper.client)) }
        guard !isSettling else { return choices }
        // Where all wait, time passes more often than a fault falls: those are for when something is under way.
        choices.append(choices.isEmpty && nextMoment != nil ? (.wait, 600) : (.tick, 10))
        for kind in possibleFaults() { choices.append((.fault(kind), weight(of: kind))) }
        return choices
    }

    private func make(_ choice: Choice) {
        switch choice {
        case .job:
            let count = executor.count
            let index = temper.isOrderly && world.dice.chance(80) ? 0 : world.dice.below(count)
            world.history.mix(count << 16 | index)
            executor.run(at: index)
        case .commit:
            let isKept = worker?.store.commitPending() ?? true
            world.note(isKept ? "commit" : "commit that fails")
            aim()
        case .read:
            worker?.store.readNext()
            world.note("read")
        case .deliver:
            broker.deliver()
        case .hearAnswer:
            broker.hearAnswer()
        case .route:
            let refuses = world.faults.has(.publishRefused) && world.dice.chance(10)
            if refuses { world.faults.spend(.publishRefused) }
            broker.route(refusing: refuses)
            world.note(refuses ? "publish refused" : "publish read")
        case .confirm:
            broker.confirm(at: world.dice.below(broker.answerable))
            world.note("publish answered")
        case .call: serveCall()
        case .late:
            let hypervisor = hypervisor
            if !world.peers.late.isEmpty {
                world.peers.doNext(world)
            } else if let late = hypervisor.takeLate() {
                runNow { await hypervisor.perform(late) }
            } else if let id = hypervisor.starting.first {
                runNow { await hypervisor.finishStart(of: id) }
            }
        case .client: wish()
        case .scheduler: reschedule()
        case .tick: advance(to: world.now + .milliseconds(1 + world.dice.below(50)))
        case .wait: passTime()
        case .fault(let kind):
            world.faults.spend(kind)
            world.note("FAULT \(kind.rawValue)")
            happen(kind)
        }
    }

    // MARK: Clients

    private func wish() {
        var wish = traffic.next(world, hasPeers: temper.hasPeers)
        let dice = world.dice.below(100)
        world.note("wish \(wish.number): \(wish.method.rawValue) \(wish.instance) \(wish.form.rawValue)")
        broker.submit(wish.body, wish: wish.number)
        if wish.form == .enveloped, wish.method.isJournaled, world.faults.has(.clientRetry), dice < 30 {
            world.faults.spend(.clientRetry)
            broker.submit(wish.body, wish: wish.number, isRetry: true)
        } else if wish.form == .flat, wish.method.isReboot, world.faults.has(.equalWishes), dice < 50,
            wish.messageID == nil
        {
            world.faults.spend(.equalWishes)
            wish.copies = 2
            broker.submit(wish.body, wish: wish.number)
        }
        if let id = wish.messageID, world.faults.has(.callerGone), world.dice.chance(20) {
            world.faults.spend(.callerGone)
            broker.goneCallers.insert(wish.form == .flat ? id : "reply_\(id)")
        }
        world.ledger.wishes.append(wish)
    }

    /// The scheduler has got a build back: it sends it here again, or elsewhere.
    private func reschedule() {
        let number = broker.handedBack.removeFirst()
        let comesBack = world.dice.chance(40)
        world.note("scheduler: wish \(number) \(comesBack ? "comes back" : "goes elsewhere")")
        guard comesBack else { return }
        let wish = traffic.rebuild(world.ledger.wishes[number].instance, world)
        world.ledger.wishes.append(wish)
        broker.submit(wish.body, wish: wish.number)
    }

    // MARK: The hypervisor

    private func serveCall() {
        let runnable = hypervisor.runnable
        let index = runnable[world.dice.below(runnable.count)]
        let call = hypervisor.calls[index]
        let place = call.isAfterEffect ? "after" : "before"
        if hypervisor.isAway, call.kind != .service {
            world.note("call \(call.operation) \(place): hypervisor away")
            return hypervisor.resume(
                at: index,
                failing: ComputeFault(.unavailable, "The hypervisor can't be reached.", instance: call.instance))
        }
        let available = world.faults.available(Self.faults(of: call))
        guard !available.isEmpty, world.dice.chance(faultChance(of: call)) else {
            world.note("call \(call.operation) \(place)")
            return hypervisor.resume(at: index)
        }
        let kind = world.dice.pick(available)
        world.faults.spend(kind)
        world.note("FAULT \(kind.rawValue) \(call.operation) \(place)")
        switch kind {
        case .callSlow, .serviceSlow:
            hypervisor.hold(at: index, until: world.now + .seconds(world.dice.within(5...2000)))
        case .callHangs, .serviceSilent: hypervisor.hold(at: index, until: .seconds(2_000_000_000))
        default:
            let words: ComputeFault.Kind =
                switch kind {
                case .serviceRefuses: .invalid
                case .serviceAway: .unavailable
                case .serviceAnswerLost: .timeout
                default: world.dice.pick([.hypervisorFailure, .unavailable, .hypervisorFailure])
                }
            hypervisor.resume(
                at: index, failing: ComputeFault(words, "simulated failure", instance: call.instance))
        }
    }

    /// Where the way back from a failure is looked at, it is that work which fails.
    private func faultChance(of call: SimulatedHypervisor.Call) -> Int {
        let isTimed = temper.periodic?.rebootTimeout != nil && call.operation == DriverOperation.reboot.rawValue
        guard let target = temper.target, target.needsFailure else { return isTimed ? 40 : 12 }
        let method = call.wish.flatMap { $0 < world.ledger.wishes.count ? world.ledger.wishes[$0].method.name : nil }
        return method == target.method ? 50 : 3
    }

    /// What may go wrong with a call.
    private static func faults(of call: SimulatedHypervisor.Call) -> [FaultKind] {
        switch (call.kind, call.isAfterEffect) {
        case (.service, false): [.serviceRefuses, .serviceAway, .serviceSlow, .serviceSilent]
        case (.service, true): [.serviceAnswerLost, .serviceSlow, .serviceSilent]
        case (_, false): [.callFails, .callSlow, .callHangs]
        case (_, true): [.answerLost, .callSlow, .callHangs]
        }
    }
}
