// SPDX-License-Identifier: Apache-2.0

internal import Synchronization

/// How often a reply that no queue takes is tried again, and which queues are given up; the numbers are
/// oslo.messaging's.
///
/// A reply queue that is missing may be that of a client which reconnects just now. One that stays missing is given up
/// for a while, so that a caller that went away costs one wait and not one for each of its calls.
public struct ReplyRetry: Sendable {
    /// Between two attempts.
    public var interval = Duration.milliseconds(250)
    /// After which a queue is given up (`kombu_missing_consumer_retry_timeout`).
    public var patience = Duration.seconds(60)
    /// For which no reply is tried to a queue that was given up.
    public var memory = Duration.seconds(60)
    /// Queues that are remembered as given up.
    public var capacity = 200

    public init() {}
}

/// The reply queues that were given up.
final class MissingQueues: Sendable {
    private let retry: ReplyRetry
    private let expiries = Mutex<[String: ContinuousClock.Instant]>([:])

    init(_ retry: ReplyRetry) { self.retry = retry }

    /// Whether the queue was given up lately.
    func contains(_ queue: String, at now: ContinuousClock.Instant) -> Bool {
        expiries.withLock { expiries in
            guard let expiry = expiries[queue] else { return false }
            guard expiry <= now else { return true }
            expiries[queue] = nil
            return false
        }
    }

    func insert(_ queue: String, at now: ContinuousClock.Instant) {
        expiries.withLock { expiries in
            if expiries.count >= retry.capacity {
                expiries = expiries.filter { $0.value > now }
                if expiries.count >= retry.capacity, let first = expiries.min(by: { $0.value < $1.value }) {
                    expiries[first.key] = nil
                }
            }
            expiries[queue] = now + retry.memory
        }
    }
}
