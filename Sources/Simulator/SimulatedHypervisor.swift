// SPDX-License-Identifier: Apache-2.0

internal import ComputeDriver
internal import ComputeModel
internal import FakeDriver

/// The host's guests, which outlive the worker, and the calls that are under way to them.
///
/// A call waits before its effect and after it until the scheduler lets it go on; in between anything may happen.
///
/// @unchecked Sendable because only the thread of the simulation touches it.
final class SimulatedHypervisor: @unchecked Sendable {
    /// Whom a call asks.
    enum Kind {
        case guest, host
        /// Another service, which may be there when the hypervisor is not.
        case service
    }

    /// A call that waits.
    struct Call {
        let ticket: Int
        let operation: String
        let kind: Kind
        let instance: InstanceID?
        let wish: Int?
        let isAfterEffect: Bool
        let continuation: CheckedContinuation<ComputeFault?, Never>
        /// Slow or hung calls do not go on by themselves.
        var heldUntil: Duration?
    }

    /// An effect that the dead worker's last call still has.
    struct Late {
        let instance: InstanceID
        let operation: DriverOperation
        let wish: Int?
        /// Whether it is a start that takes its time: until then the guest is neither off nor does it run.
        var isSlowStart = false
        let effect: @Sendable (FakeDriver) async throws -> Void
    }

    let world: World
    let fake: FakeDriver
    private(set) var calls: [Call] = []
    private(set) var late: [Late] = []
    /// Guests of which a dead worker's start is under way, in the order in which it began.
    var starting: [InstanceID] = []
    private var tickets = 0
    var isAway = false
    var generation = 0
    /// Changes under way, by instance, for the rule that there is one at a time.
    private var busy: [InstanceID: Int] = [:]

    init(world: World) {
        self.world = world
        fake = FakeDriver(hostname: SimulatedWorker.host, clock: world.clock, files: .none)
    }

    // MARK: The driver's side

    /// Waits for the scheduler; the fault with which the call fails here, if any.
    func wait(
        _ operation: String, _ instance: InstanceID?, wish: Int?, isAfterEffect: Bool, kind: Kind = .guest
    ) async -> ComputeFault? {
        tickets += 1
        let ticket = tickets
        return await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                calls.append(
                    Call(
                        ticket: ticket, operation: operation, kind: kind, instance: instance, wish: wish,
                        isAfterEffect: isAfterEffect, continuation: continuation))
            }
        } onCancel: {
            // A hypervisor takes no notice; who waits for another service's answer just goes.
            guard kind == .service, let index = calls.firstIndex(where: { $0.ticket == ticket }) else { return }
            resume(at: index, failing: ComputeFault(.timeout, "nobody waits any more", instance: instance))
        }
    }

    func began(_ operation: DriverOperation, _ instance: InstanceID) {
        busy[instance, default: 0] += 1
        guard busy[instance, default: 0] > 1, operation != .destroy else { return }
        let others = calls.filter { $0.instance == instance }.map(\.operation).joined(separator: ", ")
        world.violate(.oneCallAtATime, "\(operation.rawValue) on \(instance) while others run (\(others))")
    }

    func ended(_ instance: InstanceID) { busy[instance, default: 0] -= 1 }

    /// A call has its effect now.
    func effect(_ operation: DriverOperation, _ instance: InstanceID, wish: Int?, changed: Bool) {
        guard changed else { return }
        switch operation {
        case .liveMigrate:
            world.peers.arrived.insert(instance)
            world.peers.told.remove(instance)
        // It is made anew, or came back.
        case .spawn, .finishLiveMigrationAtDestination:
            world.peers.arrived.remove(instance)
            world.peers.others.remove(instance)
        default: break
        }
        world.ledger.effects.append(
            Ledger.Effect(operation: operation.rawValue, instance: instance, wish: wish, generation: generation))
        world.note("effect \(operation.rawValue) \(instance) wish \(wish ?? -1)")
    }

    // MARK: The scheduler's side

    /// Places in ``calls`` of those that can go on.
    var runnable: [Int] { calls.indices.filter { calls[$0].heldUntil == nil } }

    /// Lets a call go on, or fail.
    func resume(at index: Int, failing fault: ComputeFault? = nil) {
        let call = calls.remove(at: index)
        if fault != nil { world.ledger.disturb(call.wish, call.instance) }
        call.continuation.resume(returning: fault)
    }

    func hold(at index: Int, until moment: Duration) {
        calls[index].heldUntil = moment
        world.ledger.disturb(calls[index].wish, calls[index].instance)
    }

    /// When the next slow call comes to its end.
    var nextRelease: Duration? { calls.compactMap(\.heldUntil).filter { $0 < .seconds(1_000_000_000) }.min() }

    func releaseHeld(upTo moment: Duration) {
        for index in calls.indices where (calls[index].heldUntil ?? moment + .seconds(1)) <= moment {
            calls[index].heldUntil = nil
        }
    }

    /// What hangs comes back.
    func releaseAll() { for index in calls.indices { calls[index].heldUntil = nil } }

    /// A destroyed guest ends what hangs with it.
    func freeHung(of instance: InstanceID) {
        while let index = calls.firstIndex(where: {
            $0.instance == instance && $0.heldUntil != nil && $0.kind == .guest && $0.operation != DriverOperation.destroy.rawValue
        }) {
            resume(
                at: index,
                failing: ComputeFault(
                    .hypervisorFailure, "The guest was destroyed during the call.", instance: instance)
            )
        }
    }

    /// The worker died: its calls have no further effect, but for those whose request was on its way already.
    func abandon(lateEffects: [Late]) {
        late += lateEffects
        busy = [:]
        let all = calls
        calls = []
        for call in all { call.continuation.resume(returning: ComputeFault(.unavailable, "the worker is gone")) }
    }

    func forgetLate() { late = [] }

    /// The next late effect, of an instance or of any.
    func takeLate(of instance: InstanceID? = nil) -> Late? {
        guard let index = late.firstIndex(where: { instance == nil || $0.instance == instance }) else { return nil }
        return late.remove(at: index)
    }
}
