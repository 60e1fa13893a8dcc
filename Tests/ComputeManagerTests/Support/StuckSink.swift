// SPDX-License-Identifier: Apache-2.0

import ComputeManager
import Synchronization

/// Takes everything but what has one key, which waits until its task is cancelled.
final class StuckSink: MessageSink {
    private let key: String
    private let arrivals: AsyncStream<Void>
    private let arrival: AsyncStream<Void>.Continuation
    /// The keys of what was taken.
    let taken = Mutex<[String]>([])

    init(key: String) {
        self.key = key
        (arrivals, arrival) = AsyncStream.makeStream()
    }

    /// Returns when something waits; for one waiter.
    func reached() async {
        for await _ in arrivals { return }
    }

    func publish(_ message: WireMessage) async throws(DeliveryFailure) {
        guard message.routingKey == key else { return taken.withLock { $0.append(message.routingKey) } }
        let (never, continuation) = AsyncStream<Void>.makeStream()
        arrival.yield()
        for await _ in never {}
        continuation.finish()
        throw .closed
    }
}
