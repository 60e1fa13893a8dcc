// SPDX-License-Identifier: Apache-2.0

internal import Synchronization

/// Says to a running operation that a later request takes its place; the operation reads it between its steps.
///
/// A value and not a task's cancellation: what runs then undoes itself to the end, with calls that are not cancelled.
final class InterruptionToken: Sendable {
    private struct State {
        var isInterrupted = false
        /// Made by who waits: nearly every operation ends without that.
        var signal: AsyncStream<Void>.Continuation?
    }

    private let state = Mutex(State())

    init() {}

    var isInterrupted: Bool { state.withLock { $0.isInterrupted } }

    func interrupt() {
        let signal = state.withLock { state in
            state.isInterrupted = true
            return state.signal
        }
        signal?.finish()
    }

    /// Returns when interrupted, or when its task is cancelled. For one waiter at a time.
    func wait() async {
        let (signals, signal) = AsyncStream<Void>.makeStream()
        let isInterrupted = state.withLock { state in
            state.signal = signal
            return state.isInterrupted
        }
        if isInterrupted { return }
        for await _ in signals {}
    }
}
