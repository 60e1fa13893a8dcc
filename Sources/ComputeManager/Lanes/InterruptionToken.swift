// SPDX-License-Identifier: Apache-2.0

internal import Synchronization

/// Says to a running operation that a later request takes its place; the operation reads it between its steps.
///
/// A value and not a task's cancellation: what runs then undoes itself to the end, with calls that are not cancelled.
final class InterruptionToken: Sendable {
    private let flag = Atomic<Bool>(false)
    private let signals: AsyncStream<Void>
    private let signal: AsyncStream<Void>.Continuation

    init() { (signals, signal) = AsyncStream.makeStream() }

    var isInterrupted: Bool { flag.load(ordering: .acquiring) }

    func interrupt() {
        flag.store(true, ordering: .releasing)
        signal.finish()
    }

    /// Returns when interrupted, or when its task is cancelled. For one waiter at a time.
    func wait() async {
        if isInterrupted { return }
        for await _ in signals {}
    }
}
