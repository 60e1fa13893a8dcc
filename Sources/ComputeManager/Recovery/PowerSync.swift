// SPDX-License-Identifier: Apache-2.0

internal import ComputeModel
internal import WorkerStore

/// What a look at a guest showed.
enum GuestReading: Sendable, Hashable {
    /// The hypervisor was not to be asked, or does not know: nothing follows from that.
    case unknown
    /// The hypervisor answered and knows no such guest.
    case absent
    case present(PowerState)
}

/// What a guest that nobody asked us to change means for the row of its instance: nova's `_sync_instance_power_state`,
/// but that a row follows its guest where nova would switch the guest off. A guest is never touched for it.
enum PowerSync: Sendable, Hashable {
    /// The row is right, or is not to be judged.
    case agreed
    /// The power state alone.
    case power(PowerState)
    /// The guest of an active instance is off.
    case stopped(PowerState)
    /// The guest of a stopped instance runs.
    case started
    /// The hypervisor knows the guest no more.
    case vanished

    /// - Parameter host: the name of this host; a row that is another's, or on its way there, is not ours to judge.
    init(_ instance: Instance, _ reading: GuestReading, host: String) {
        guard instance.host == host, Self.isJudged(instance) else {
            self = .agreed
            return
        }
        switch (instance.vmState, reading) {
        case (_, .unknown), (_, .present(.noState)), (_, .present(.building)): self = .agreed
        // A build that failed and was undone has no guest.
        case (.error?, .absent): self = instance.powerState == .noState ? .agreed : .power(.noState)
        case (_, .absent): self = instance.powerState == .noState ? .agreed : .vanished
        case (.active?, .present(.shutdown)): self = .stopped(.shutdown)
        case (.active?, .present(.crashed)): self = .stopped(.crashed)
        case (.stopped?, .present(.running)): self = .started
        case (_, .present(let state)): self = state == instance.powerState ? .agreed : .power(state)
        }
    }

    /// Whether the row follows its guest: it is to have a guest, and no task is an operation's, which
    /// writes what it finds at its end.
    static func isJudged(_ instance: Instance) -> Bool {
        guard instance.taskState == nil else { return false }
        return switch instance.vmState {
        case .deleted?, .softDeleted?, .building?, nil: false
        default: true
        }
    }

    /// Writes it, with the events that nova's consumers know for it.
    func apply(to change: inout InstanceChange) {
        switch self {
        case .agreed: break
        case .power(let state): change.update(elevated: true) { $0.powerState = state }
        case .stopped(let state):
            change.notify("power_off.start", elevated: true)
            change.update(elevated: true) {
                $0.vmState = .stopped
                $0.powerState = state
            }
            change.notify("power_off.end", elevated: true)
        case .started:
            change.notify("power_on.start", elevated: true)
            change.update(elevated: true) {
                $0.vmState = .active
                $0.powerState = .running
            }
            change.notify("power_on.end", elevated: true)
        case .vanished:
            change.update(elevated: true) { $0.powerState = .noState }
            let fault = ComputeFault(
                .instanceNotFound, "The hypervisor knows the guest no more, and nobody asked the worker to remove it.",
                instance: change.row.id,
                arguments: ["instance_id": .string(change.row.id.description), "code": 404])
            change.notifyFailure("sync_power_state", fault, arguments: ["instance": change.instance.json])
        }
    }

    /// What to tell the operator; nil where there is nothing to tell.
    var words: String? {
        switch self {
        case .agreed: nil
        case .power(let state): "a guest's power state changed without us: \(state)"
        case .stopped(let state): "a guest stopped without us (\(state)); its instance is stopped"
        case .started: "a guest was started without us; its instance is active"
        case .vanished: "a guest has vanished: the hypervisor knows it no more; nothing of it was touched"
        }
    }
}
