// SPDX-License-Identifier: Apache-2.0

internal import ComputeDriver
internal import ComputeModel
internal import FakeDriver

/// One worker's connection to the hypervisor.
///
/// @unchecked Sendable because only the thread of the simulation touches it.
final class SimulatedDriver: @unchecked Sendable {
    private let hypervisor: SimulatedHypervisor
    var fake: FakeDriver { hypervisor.fake }
    private var isDead = false
    /// What the calls under way would do, for those that have their effect after the worker's death.
    private var underWay: [Int: SimulatedHypervisor.Late] = [:]
    private var numbers = 0
    /// How often the hypervisor was asked for anything.
    private(set) var calls = 0

    init(hypervisor: SimulatedHypervisor) { self.hypervisor = hypervisor }

    /// The worker dies; its last requests may have been on their way.
    func die() {
        isDead = true
        let world = hypervisor.world
        var late: [SimulatedHypervisor.Late] = []
        for number in underWay.keys.sorted() {
            guard let call = underWay[number], world.faults.has(.lateEffect), world.dice.chance(50) else { continue }
            world.faults.spend(.lateEffect)
            var effect = call
            effect.isSlowStart = Self.starts.contains(call.operation) && world.dice.chance(50)
            late.append(effect)
        }
        hypervisor.abandon(lateEffects: late)
    }

    /// What ends with a guest that runs.
    private static let starts: [DriverOperation] = [.spawn, .reboot, .powerOn, .resumeStateOnHostBoot]

    /// A question: one wait, then the answer.
    func ask<Answer>(
        _ operation: DriverOperation, _ instance: InstanceID?, wish: Int? = nil, _ body: () async throws -> Answer
    ) async throws -> Answer {
        guard !isDead else { throw CancellationError() }
        calls += 1
        let fault = await hypervisor.wait(operation.rawValue, instance, wish: wish, isAfterEffect: false)
        guard !isDead else { throw CancellationError() }
        if let fault { throw fault }
        if let instance { try await settleLate(of: instance) }
        return try await body()
    }

    /// A change: a wait before its effect and one after it.
    func change<Output: Sendable>(
        _ operation: DriverOperation, _ instance: Instance,
        _ body: @escaping @Sendable (FakeDriver) async throws -> Output
    ) async throws -> Output {
        guard !isDead else { throw CancellationError() }
        let id = instance.id
        let wish = Wish.number(ofMark: instance.fields["display_name"]?.string)
        calls += 1
        hypervisor.began(operation, id)
        defer { if !isDead { hypervisor.ended(id) } }
        numbers += 1
        let number = numbers
        underWay[number] = SimulatedHypervisor.Late(instance: id, operation: operation, wish: wish) {
            _ = try await body($0)
        }
        let early = await hypervisor.wait(operation.rawValue, id, wish: wish, isAfterEffect: false)
        underWay[number] = nil
        guard !isDead else { throw CancellationError() }
        if let early {
            if operation == .spawn { hypervisor.world.ledger.failedSpawns.insert(wish ?? -1) }
            throw early
        }
        try await settle(id)
        if operation == .destroy { hypervisor.freeHung(of: id) }
        let output: Output
        do {
            output = try await hypervisor.perform(operation, id, wish: wish, body)
        } catch {
            hypervisor.world.ledger.disturb(wish, id)
            if operation == .spawn { hypervisor.world.ledger.failedSpawns.insert(wish ?? -1) }
            throw error
        }
        let lost = await hypervisor.wait(operation.rawValue, id, wish: wish, isAfterEffect: true)
        guard !isDead else { throw CancellationError() }
        if let lost {
            if operation == .spawn { hypervisor.world.ledger.failedSpawns.insert(wish ?? -1) }
            throw lost
        }
        return output
    }

    /// A change of the host itself.
    func changeHost<Output: Sendable>(
        _ operation: DriverOperation, _ body: (FakeDriver) async throws -> Output
    ) async throws -> Output {
        guard !isDead else { throw CancellationError() }
        calls += 1
        let early = await hypervisor.wait(operation.rawValue, nil, wish: nil, isAfterEffect: false, kind: .host)
        guard !isDead else { throw CancellationError() }
        if let early { throw early }
        let output = try await body(fake)
        hypervisor.effect(operation, Traffic.nobody, wish: nil, changed: true)
        let lost = await hypervisor.wait(operation.rawValue, nil, wish: nil, isAfterEffect: true, kind: .host)
        guard !isDead else { throw CancellationError() }
        if let lost { throw lost }
        return output
    }

    /// The hypervisor serves one call of a guest after the other: an earlier worker's comes first.
    private func settleLate(of id: InstanceID) async throws {
        while let late = hypervisor.takeLate(of: id) { await hypervisor.perform(late) }
    }

    /// A change waits for a start that is under way as well; a question does not.
    private func settle(_ id: InstanceID) async throws {
        try await settleLate(of: id)
        await hypervisor.finishStart(of: id)
    }
}

extension SimulatedDriver: ComputeDriver {
    static let name = FakeDriver.name
    static let caveats: [DriverOperation: String] = [:]
    static let acceptedSpawnArguments = FakeDriver.acceptedSpawnArguments
    static let needsImage = true

    func start() async throws {}
    func run() async throws { try await fake.run() }
    func summary() async -> String { await fake.summary() }

    func instances() async throws -> [InstanceSummary] {
        try await ask(.listInstances, nil) { try await fake.instances() }
    }

    func info(_ instance: InstanceID) async throws -> InstanceInfo {
        try await ask(.info, instance) { try await fake.info(instance) }
    }

    func spawn(_ request: SpawnRequest) async throws {
        try await change(.spawn, request.instance) { try await $0.spawn(request) }
    }

    func destroy(_ instance: Instance) async throws {
        try await change(.destroy, instance) { try await $0.destroy(instance) }
    }

    func reboot(_ request: RebootRequest) async throws {
        try await change(.reboot, request.instance) { try await $0.reboot(request) }
    }

    func hostResources() async throws -> HostResources {
        try await ask(.hostResources, nil) { try await fake.hostResources() }
    }
}
