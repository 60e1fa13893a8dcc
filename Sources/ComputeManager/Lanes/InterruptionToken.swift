// SPDX-License-Identifier: Apache-2.0

internal import ComputeModel
internal import Synchronization

/// Why an operation is to end before its end; a later case stands over an earlier one.
enum InterruptionReason: Int, Sendable, Comparable {
    /// What waits behind it is to bring about what it can't: only a soft reboot makes way for that.
    case overtaken
    /// The operator cancelled it: it takes back what it began, and what it acts on is left alone.
    case cancelled
    /// The instance is to be terminated: nothing of it needs to be spared.
    case superseded

    static func < (left: Self, right: Self) -> Bool { left.rawValue < right.rawValue }

    static let overtakenWords: JSONValue = "superseded by a hard reboot"

    /// How the request ends.
    func fault(_ method: String, instance: InstanceID?) -> ComputeFault {
        switch self {
        case .overtaken:
            ComputeFault(
                .superseded, "\(method) was given up: it did not end in its time, and a hard reboot takes its place.",
                instance: instance, arguments: ["reason": Self.overtakenWords])
        case .cancelled:
            ComputeFault(
                .cancelled, "\(method) was cancelled by the operator of this host.", instance: instance,
                arguments: ["reason": "cancelled by the operator"])
        case .superseded:
            ComputeFault(
                .superseded, "\(method) was given up because the instance is to be terminated.", instance: instance,
                arguments: ["reason": "superseded by terminate_instance"])
        }
    }
}

/// Says to a running operation that it is to end; the operation reads it between its steps.
///
/// A value and not a task's cancellation: what runs then undoes itself to the end, with calls that are not cancelled.
final class InterruptionToken: Sendable {
    private struct State {
        var reason: InterruptionReason?
        /// Made by who waits: nearly every operation ends without that.
        var signal: AsyncStream<Void>.Continuation?
    }

    /// How far the operation says that it is; here because its lane has this and no more of what runs.
    let progress = ProgressTenths()
    private let state = Mutex(State())

    init() {}

    var reason: InterruptionReason? { state.withLock { $0.reason } }

    var isInterrupted: Bool { reason != nil }

    func interrupt(_ reason: InterruptionReason) {
        let signal = state.withLock { state -> AsyncStream<Void>.Continuation? in
            if let earlier = state.reason, earlier >= reason { return nil }
            state.reason = reason
            return state.signal
        }
        signal?.yield()
    }

    /// Returns when interrupted for that reason or one that stands over it, or when its task is cancelled. For one
    /// waiter at a time.
    func wait(for least: InterruptionReason = .cancelled) async {
        let (signals, signal) = AsyncStream<Void>.makeStream()
        state.withLock { $0.signal = signal }
        if let reason, reason >= least { return }
        for await _ in signals {
            if let reason, reason >= least { return }
        }
    }
}
