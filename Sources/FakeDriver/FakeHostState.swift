// SPDX-License-Identifier: Apache-2.0

internal import ComputeDriver
internal import ComputeModel
internal import Synchronization

/// All that one host in memory holds, behind one lock.
final class FakeHostState: Sendable {
    struct State {
        var guests: [InstanceID: FakeGuest] = [:]
        var host = FakeHost()
        var boots = 0
        var listeners: [Int: AsyncStream<LifecycleEvent>.Continuation] = [:]
        var outageListeners: [Int: AsyncStream<String?>.Continuation] = [:]
        var listenersMade = 0
        /// Why the hypervisor can't be asked.
        var outage: String?
        /// The guests that do not answer.
        var silent: Set<InstanceID> = []
        /// The live migrations that are under way, and what was said to them.
        var moves: [InstanceID: Move] = [:]
    }

    /// What was said to a live migration that is under way.
    struct Move {
        var isAborted = false
        var isForced = false
    }

    private let mutex = Mutex(State())

    func withLock<Output: Sendable, Failure: Error>(
        _ body: (inout State) throws(Failure) -> Output
    ) throws(Failure) -> Output {
        try mutex.withLock { state throws(Failure) in try body(&state) }
    }
}

extension FakeHostState.State {
    /// The guest, or the fault that says there is none.
    func guest(_ id: InstanceID) throws(ComputeFault) -> FakeGuest {
        guard let guest = guests[id] else { throw ComputeFault.instanceNotFound(id) }
        return guest
    }

    /// The guest, if its processors are running; the fault names what was asked for.
    func runningGuest(_ id: InstanceID, to purpose: String) throws(ComputeFault) -> FakeGuest {
        let guest = try guest(id)
        guard guest.powerState == .running else {
            throw ComputeFault(
                .instanceInvalidState, "The guest must run to \(purpose), and its power state is \(guest.powerState).",
                instance: id)
        }
        return guest
    }

    /// Changes a guest that is there.
    mutating func change(_ id: InstanceID, _ body: (inout FakeGuest) -> Void) throws(ComputeFault) {
        var guest = try guest(id)
        body(&guest)
        guests[id] = guest
    }

    /// Starts a guest anew.
    mutating func boot(_ guest: FakeGuest) {
        var guest = guest
        boots += 1
        guest.boot = boots
        (guest.received, guest.sent) = FakeGuest.firstTraffic
        guest.isChanging = false
        guest.hasSavedMemory = false
        guest.isQuiesced = false
        guest.isSoftDeleted = false
        guest.powerState = .running
        guests[guest.id] = guest
        tell(.changed(guest.id, .running))
    }

    /// Stops a guest and keeps it.
    mutating func stop(_ guest: FakeGuest) {
        var guest = guest
        guest.boot = nil
        guest.isChanging = false
        guest.isQuiesced = false
        guest.powerState = .shutdown
        guests[guest.id] = guest
        tell(.changed(guest.id, .shutdown))
    }

    /// Stops a guest's processors, or lets them go on.
    mutating func setPaused(_ guest: FakeGuest, _ isPaused: Bool) {
        var guest = guest
        guest.powerState = isPaused ? .paused : .running
        guests[guest.id] = guest
        tell(.changed(guest.id, guest.powerState))
    }

    /// Removes what the host has for an instance beside the guest.
    mutating func forgetNetwork(of id: InstanceID) {
        host.filtered.remove(id)
        host.plugged[id] = nil
    }

    /// Tells every listener; one that reads too slowly loses the oldest events and is told to look for itself.
    func tell(_ event: LifecycleEvent) {
        for listener in listeners.values {
            if case .dropped = listener.yield(event) { listener.yield(.resynchronize) }
        }
    }
}
