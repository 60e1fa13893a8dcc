// SPDX-License-Identifier: Apache-2.0

internal import Synchronization

/// A message on its way, and the one who waits for its confirm.
///
/// Ends once: by the broker's word, by the deadline, by cancellation or by the publisher's end, whichever comes first.
final class Submission: Sendable {
    private enum State: Sendable {
        case waiting(CheckedContinuation<Result<Void, PublishError>, Never>?)
        case ended(Result<Void, PublishError>)
    }

    let message: OutboundMessage
    private let state = Mutex(State.waiting(nil))
    private let wasSent = Atomic(false)

    init(_ message: OutboundMessage) { self.message = message }

    var isWaiting: Bool {
        state.withLock { if case .waiting = $0 { true } else { false } }
    }

    /// Whether the message may have reached the broker.
    var isSent: Bool {
        get { wasSent.load(ordering: .acquiring) }
        set { wasSent.store(newValue, ordering: .releasing) }
    }

    /// Waits for the end.
    func result() async -> Result<Void, PublishError> {
        await withCheckedContinuation { continuation in
            let result: Result<Void, PublishError>? = state.withLock { state in
                switch state {
                case .waiting:
                    state = .waiting(continuation)
                    return nil
                case .ended(let result): return result
                }
            }
            if let result { continuation.resume(returning: result) }
        }
    }

    func end(_ result: Result<Void, PublishError>) {
        let continuation: CheckedContinuation<Result<Void, PublishError>, Never>? = state.withLock { state in
            guard case .waiting(let continuation) = state else { return nil }
            state = .ended(result)
            return continuation
        }
        continuation?.resume(returning: result)
    }
}
