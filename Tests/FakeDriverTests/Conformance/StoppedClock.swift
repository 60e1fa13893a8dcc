// SPDX-License-Identifier: Apache-2.0

import Synchronization

/// A clock that stands still: who sleeps by it sleeps until he is let go, or cancelled.
final class StoppedClock: Clock {
    /// One sleep, of whoever comes first.
    final class Sleep: Sendable {
        private let arrival = AsyncStream<Void>.makeStream()
        private let gate = AsyncStream<Void>.makeStream()

        /// Returns when somebody sleeps, or was let go before.
        func reached() async { for await _ in arrival.stream {} }

        func letGo() {
            arrival.continuation.finish()
            gate.continuation.finish()
        }

        fileprivate func wait() async throws {
            arrival.continuation.finish()
            for await _ in gate.stream {}
            try Task.checkCancellation()
        }
    }

    private let next = Mutex<Sleep?>(nil)
    let now = ContinuousClock.now
    let minimumResolution = Duration.nanoseconds(1)

    /// That of the next who comes.
    func nextSleep() -> Sleep {
        let sleep = Sleep()
        next.withLock { $0 = sleep }
        return sleep
    }

    func sleep(until deadline: ContinuousClock.Instant, tolerance: Duration?) async throws {
        try await next.withLock { $0 }?.wait()
    }
}
