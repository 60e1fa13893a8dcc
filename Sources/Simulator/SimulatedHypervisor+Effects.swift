// SPDX-License-Identifier: Apache-2.0

internal import ComputeDriver
internal import ComputeModel
internal import FakeDriver

extension SimulatedHypervisor {
    /// What a guest looks like; nil where there is none.
    func guest(_ id: InstanceID) async -> InstanceInfo? { try? await fake.info(id) }

    /// Lets a call have its effect, and holds it against the rules for guests.
    @discardableResult
    func perform<Output: Sendable>(
        _ operation: DriverOperation, _ id: InstanceID, wish: Int?,
        _ body: @Sendable (FakeDriver) async throws -> Output
    ) async throws -> Output {
        let before = await guest(id)
        judge(operation, id, wish: wish, before)
        let output = try await body(fake)
        let after = await guest(id)
        if before?.powerState == .running, after?.powerState != .running { world.ledger.stops[id, default: 0] += 1 }
        effect(operation, id, wish: wish, changed: before != after)
        return output
    }

    /// The effect of a call whose worker died.
    func perform(_ late: Late) async {
        let id = late.instance
        world.note("late \(late.operation.rawValue) \(id)")
        let isRunning = await guest(id)?.powerState == .running
        guard late.isSlowStart, !isRunning || late.operation == .reboot else {
            try? await perform(late.operation, id, wish: late.wish, late.effect)
            return
        }
        try? await perform(late.operation, id, wish: late.wish) { fake in
            if late.operation == .spawn { try await late.effect(fake) }
            fake.outsideStart(id)
        }
        world.faults.count(.startUnderWay)
        starting.append(id)
    }

    /// A start that is under way comes to its end.
    func finishStart(of id: InstanceID) async {
        guard let index = starting.firstIndex(of: id) else { return }
        starting.remove(at: index)
        guard await guest(id)?.isChanging == true else { return }
        world.note("started \(id)")
        fake.outsideChange(id, to: .running)
    }

    /// A running guest may be removed or built anew only for a reason.
    private func judge(_ operation: DriverOperation, _ id: InstanceID, wish: Int?, _ before: InstanceInfo?) {
        guard operation == .destroy, before?.powerState == .running else { return }
        let ledger = world.ledger
        if ledger.wishes.contains(where: { $0.instance == id && $0.method == .terminate }) { return }
        if let wish, ledger.failedSpawns.contains(wish) || ledger.disturbed.contains(wish) { return }
        if world.faults.counts[.flippedBit] != nil { return }
        // The guest gets another disk, or is another host's.
        let replacing: [Wish.Method] = [.rebuild, .prepareResize, .revertResize, .confirmResize, .liveMigration]
        if let wish, wish < ledger.wishes.count, replacing.contains(ledger.wishes[wish].method) { return }
        // An operator or a time-out that gives a build up wants it undone.
        let mayBeGivenUp = ledger.cancels > 0 || world.buildTimeout.map { world.now >= $0 } == true
        if mayBeGivenUp, let wish, wish < ledger.wishes.count, ledger.wishes[wish].method == .run { return }
        world.violate(.healthyGuest, "the running guest of \(id) was destroyed for wish \(wish ?? -1)")
    }

    // MARK: Behind the worker's back

    func vanish(_ id: InstanceID, _ instance: Instance) async {
        world.ledger.touched.insert(id)
        world.ledger.stops[id, default: 0] += 1
        try? await fake.destroy(instance)
    }

    func stop(_ id: InstanceID, _ instance: Instance) async {
        world.ledger.touched.insert(id)
        world.ledger.stops[id, default: 0] += 1
        try? await fake.powerOff(instance)
    }

    /// The host starts anew: what was under way is gone, and no guest runs.
    func boot() async {
        forgetLate()
        starting = []
        let guests = (try? await fake.instances()) ?? []
        for guest in guests where guest.powerState == .running || guest.powerState == .paused {
            world.ledger.touched.insert(guest.id)
            world.ledger.stops[guest.id, default: 0] += 1
            fake.outsideChange(guest.id, to: .shutdown, isTold: false)
        }
    }

    func appear(_ id: InstanceID, _ instance: Instance) async {
        world.ledger.foreign.insert(id)
        try? await fake.spawn(SpawnRequest(instance: instance, image: nil))
    }
}
