// SPDX-License-Identifier: Apache-2.0

internal import ComputeDriver
public import ComputeModel
internal import Synchronization

/// What others do to the guests without asking the driver, as somebody with virsh does.
extension FakeDriver {
    /// Brings a guest into a state; one that is not there appears.
    ///
    /// - Parameter isTold: whether the hypervisor tells of it by an event.
    public func outsideChange(_ id: InstanceID, to state: PowerState, isTold: Bool = true) {
        self.state.withLock { guests in
            var guest = guests.guests[id] ?? FakeGuest(foreign: id)
            guest.powerState = state
            guest.isChanging = false
            if state == .shutdown || state == .crashed {
                guest.boot = nil
            } else if guest.boot == nil {
                guests.boots += 1
                guest.boot = guests.boots
            }
            guests.guests[id] = guest
            if isTold { guests.tell(.changed(id, state)) }
        }
    }

    /// Begins to start a guest anew, as a worker that died may have left it: paused until
    /// ``outsideChange(_:to:isTold:)`` says that it runs.
    public func outsideStart(_ id: InstanceID) {
        state.withLock { guests in
            guard var guest = guests.guests[id] else { return }
            guests.boots += 1
            guest.boot = guests.boots
            guest.powerState = .paused
            guest.isChanging = true
            guests.guests[id] = guest
        }
    }

    /// Goes on with a copy of a guest's disk, as a worker that died may have left it.
    public func outsideCopy(of id: InstanceID) {
        state.withLock { $0.guests[id]?.isBeingCopied = true }
    }

    /// Ends a guest and makes the hypervisor forget it.
    public func outsideRemoval(of id: InstanceID, isTold: Bool = true) {
        state.withLock { guests in
            guard let guest = guests.guests.removeValue(forKey: id) else { return }
            if isTold, guest.boot != nil { guests.tell(.changed(id, .shutdown)) }
        }
    }

    /// Lets bytes go through each interface of a guest.
    public func outsideTraffic(of id: InstanceID, received: ByteCount, sent: ByteCount) {
        state.withLock { state in
            guard var guest = state.guests[id] else { return }
            guest.received += received
            guest.sent += sent
            state.guests[id] = guest
        }
    }

    /// Keeps a guest from answering its hypervisor until it is rebooted hard or destroyed, or here said to answer.
    public func outsideSilence(of id: InstanceID, _ isSilent: Bool = true) {
        state.withLock { state in
            if isSilent { state.silent.insert(id) } else { state.silent.remove(id) }
        }
    }

    /// Takes the hypervisor away, or with nil brings it back.
    public func outsideOutage(_ reason: String?) {
        state.withLock { state in
            state.outage = reason
            for listener in state.outageListeners.values { listener.yield(reason) }
        }
    }

    /// Says that events may have been missed.
    public func tellToResynchronize() { state.withLock { $0.tell(.resynchronize) } }
}
