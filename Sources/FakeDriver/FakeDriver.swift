// SPDX-License-Identifier: Apache-2.0

internal import ComputeDriver
internal import ComputeModel
internal import Synchronization

/// A hypervisor in memory: the whole contract without a guest, with faults and delays that a test can ask for.
///
/// Power states are those that libvirt shows (a guest that is off is `shutdown`). Guests live as long as the driver
/// value, so a test that "restarts the worker" keeps the value and makes a new manager.
public final class FakeDriver: Sendable {
    struct State {
        var guests: [InstanceID: FakeGuest] = [:]
        var boots = 0
        var listeners: [Int: AsyncStream<LifecycleEvent>.Continuation] = [:]
        var listenersMade = 0
    }

    let state = Mutex(State())
    let hostname: String
    private let clock: any Clock<Duration>
    /// What goes wrong, and when.
    public let faults: FaultPlan

    /// - Parameters:
    ///   - hostname: the name of the hypervisor in ``hostResources()``.
    ///   - clock: what planned delays are measured by.
    public init(
        hostname: String = "fake-mini", faults: FaultPlan = FaultPlan(),
        clock: any Clock<Duration> = ContinuousClock()
    ) {
        self.hostname = hostname
        self.faults = faults
        self.clock = clock
    }

    /// Runs an operation by plan: delays, hangs and failures first, then the effect.
    func perform<Output>(
        _ operation: DriverOperation, on instance: InstanceID? = nil,
        _ effect: (inout State) throws(ComputeFault) -> Output
    ) async throws -> Output {
        var afterwards: ComputeFault?
        for misbehaviour in faults.next(operation) {
            switch misbehaviour {
            case .fail(let fault): throw fault
            case .failAfterwards(let fault): afterwards = fault
            case .cancelled: throw CancellationError()
            case .delay(let duration): try await clock.sleep(for: duration)
            case .hang(let point): try await point.wait(for: instance)
            }
        }
        let output = try state.withLock { state throws(ComputeFault) in try effect(&state) }
        if let afterwards { throw afterwards }
        return output
    }

    static func missing(_ instance: InstanceID) -> ComputeFault { .instanceNotFound(instance) }
}

extension FakeDriver.State {
    /// The guest, or the fault that says there is none.
    func guest(_ id: InstanceID) throws(ComputeFault) -> FakeGuest {
        guard let guest = guests[id] else { throw ComputeFault.instanceNotFound(id) }
        return guest
    }

    /// Starts a guest anew.
    mutating func boot(_ guest: FakeGuest) {
        var guest = guest
        boots += 1
        guest.boot = boots
        guest.isChanging = false
        guest.powerState = .running
        guests[guest.id] = guest
        tell(.changed(guest.id, .running))
    }

    /// Stops a guest and keeps it.
    mutating func stop(_ guest: FakeGuest) {
        var guest = guest
        guest.boot = nil
        guest.isChanging = false
        guest.powerState = .shutdown
        guests[guest.id] = guest
        tell(.changed(guest.id, .shutdown))
    }

    /// Tells every listener; one that reads too slowly loses the oldest events and is told to look for itself.
    func tell(_ event: LifecycleEvent) {
        for listener in listeners.values {
            if case .dropped = listener.yield(event) { listener.yield(.resynchronize) }
        }
    }
}
