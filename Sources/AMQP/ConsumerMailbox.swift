// SPDX-License-Identifier: Apache-2.0

/// What passes between the users of a consumer and its thread.
struct ConsumerMailbox: Sendable {
    enum Stop: Sendable, Equatable {
        case no
        /// Stop consuming, wait for what was handed out to be settled, then close.
        case graceful(until: ContinuousClock.Instant)
        case now
    }

    var acknowledged: [DeliveryTag] = []
    var rejected: [(tag: DeliveryTag, requeue: Bool)] = []
    var isPaused = false
    /// Why the connection is to be made anew.
    var renewal: String?
    var stop = Stop.no

    /// Delivered and not handed out yet.
    var ready: [Delivery] = []
    var waiters: [(id: UInt64, continuation: CheckedContinuation<[Delivery]?, Never>)] = []
    var nextWaiter: UInt64 = 0
    /// No delivery follows.
    var hasEnded = false
    /// The thread has begun, or is over.
    var hasRun = false

    var hasCommands: Bool { !acknowledged.isEmpty || !rejected.isEmpty || renewal != nil }
}
