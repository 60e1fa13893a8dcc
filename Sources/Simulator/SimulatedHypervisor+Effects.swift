// SPDX-License-Identifier: Apache-2.0

internal import ComputeDriver
internal import ComputeModel
internal import FakeDriver

extension SimulatedHypervisor {
    /// What a guest looks like; nil where there is none.
    func guest(_ id: InstanceID) async -> InstanceInfo? { try? await fake.info(id) }

    /// Lets a call have its effect, and holds it against the rules for guests.
    func perform(
        _ operation: DriverOperation, _ id: InstanceID, wish: Int?,
        _ body: @Sendable (FakeDriver) async throws -> Void
    ) async throws {
        let before = await guest(id)
        judge(operation, id, wish: wish, before)
        try await body(fake)
        let after = await guest(id)
        if before?.powerState == .running, after?.powerState != .running { world.ledger.stops[id, default: 0] += 1 }
        effect(operation, id, wish: wish, changed: before != after)
    }

    /// The effect of a call whose worker died.
    func perform(_ late: Late) async {
        world.note("late \(late.operation.rawValue) \(late.instance)")
        try? await perform(late.operation, late.instance, wish: late.wish, late.effect)
    }

    /// A running guest may be removed or built anew only for a reason.
    private func judge(_ operation: DriverOperation, _ id: InstanceID, wish: Int?, _ before: InstanceInfo?) {
        guard operation == .destroy, before?.powerState == .running else { return }
        let ledger = world.ledger
        if ledger.wishes.contains(where: { $0.instance == id && $0.method == .terminate }) { return }
        if let wish, ledger.failedSpawns.contains(wish) || ledger.disturbed.contains(wish) { return }
        if world.faults.counts[.flippedBit] != nil { return }
        // An operator who gives a build up wants it undone.
        if ledger.cancels > 0, let wish, wish < ledger.wishes.count, ledger.wishes[wish].method == .run { return }
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

    func appear(_ id: InstanceID, _ instance: Instance) async {
        world.ledger.foreign.insert(id)
        try? await fake.spawn(SpawnRequest(instance: instance, image: nil))
    }
}
