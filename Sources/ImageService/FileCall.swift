// SPDX-License-Identifier: Apache-2.0

internal import Synchronization

/// A call that somebody waits for until it ends, or until they stop waiting; the first end counts.
final class FileCall<Output: Sendable>: Sendable {
    private enum State {
        case new
        case awaited(CheckedContinuation<Output, any Error>)
        case ended
    }

    private let state = Mutex(State.new)

    /// Whether anybody still wants the result.
    var isAwaited: Bool {
        state.withLock { if case .awaited = $0 { true } else { false } }
    }

    /// Begins to wait; false, with the continuation resumed, where the task was cancelled before.
    func begin(_ continuation: CheckedContinuation<Output, any Error>) -> Bool {
        let isNew = state.withLock { state in
            guard case .new = state else { return false }
            state = .awaited(continuation)
            return true
        }
        if !isNew { continuation.resume(throwing: CancellationError()) }
        return isNew
    }

    func end(_ result: Result<Output, any Error>) {
        let continuation = state.withLock { state -> CheckedContinuation<Output, any Error>? in
            defer { state = .ended }
            guard case .awaited(let continuation) = state else { return nil }
            return continuation
        }
        continuation?.resume(with: result)
    }
}
