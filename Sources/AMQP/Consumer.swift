// SPDX-License-Identifier: Apache-2.0

public import Logging
internal import Synchronization

/// Consumes from queues of a broker over a connection of its own, for ever, whatever happens to connection and queues.
///
/// One thread owns the connection. Whenever it is made anew (or the broker cancels a consumer), everything is declared,
/// bound and consumed again. Unacknowledged messages are bounded by the prefetch of each subscription, and the bytes of
/// their bodies by `maximumOutstandingBytes`; so nothing else bounds what waits to be handed out.
public final class Consumer: Sendable {
    /// Counts since the consumer was made.
    public struct Statistics: Sendable, Equatable {
        public var deliveries: UInt64 = 0
        /// Frames that acknowledged, of one delivery or of many.
        public var acknowledgementFrames: UInt64 = 0
        public var acknowledged: UInt64 = 0
        public var rejected: UInt64 = 0
        /// Acknowledgements that came too late, for a connection that is gone.
        public var stale: UInt64 = 0
        public var truncated: UInt64 = 0
        public var connections: UInt64 = 0
        /// Delivered on the present connection and not settled yet; a level, as the next.
        public var outstanding = 0
        /// Nothing is taken just now: paused, or too many bytes are outstanding.
        public var isHeld = false
    }

    let configuration: BrokerConfiguration
    let subscriptions: @Sendable () -> [Subscription]
    let prefetch: UInt16
    let maximumBodySize: Int
    let maximumOutstandingBytes: Int
    let asideType: String?
    let logger: Logger
    let mailbox = Mailbox(ConsumerMailbox())
    let counts = Mutex(Statistics())
    private let broadcaster = StateBroadcaster()
    let asideContinuation: AsyncStream<Delivery>.Continuation

    /// What is no work and does not wait behind it: messages of `asideType`, and those of locks. They are acknowledged
    /// already; of those that nobody takes the latest 64 are kept. For one taker; ends with ``run()``.
    public let aside: AsyncStream<Delivery>

    /// - Parameters:
    ///   - subscriptions: asked anew for each connection, so that names of exclusive queues can be fresh.
    ///   - prefetch: for subscriptions without a value of their own; 0 would be no bound and counts as 1.
    ///   - maximumBodySize: of a larger body only the first 4 KiB are kept.
    ///   - maximumOutstandingBytes: bodies of unacknowledged messages; over it nothing more is taken until half is
    ///     settled.
    ///   - asideType: messages whose property `type` says this go to ``aside``, whatever queue they came by.
    public init(
        configuration: BrokerConfiguration, prefetch: UInt16 = 256, maximumBodySize: Int = 4 << 20,
        maximumOutstandingBytes: Int = 64 << 20, asideType: String? = nil, logger: Logger,
        subscriptions: @escaping @Sendable () -> [Subscription]
    ) {
        self.configuration = configuration
        self.subscriptions = subscriptions
        self.prefetch = max(1, prefetch)
        self.maximumBodySize = max(0, maximumBodySize)
        self.maximumOutstandingBytes = max(1, maximumOutstandingBytes)
        self.asideType = asideType
        self.logger = logger
        (aside, asideContinuation) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(64))
    }

    /// Consumes until `shutDown` is through, or until the task is cancelled. Can be called once.
    ///
    /// Cancellation writes the acknowledgements that were given before it, and closes. Throws only if no thread
    /// or file descriptor could be had, or on a second call.
    public func run() async throws(BrokerError) {
        let isFirst = mailbox.update { contents in
            defer { contents.hasRun = true }
            return !contents.hasRun
        }
        guard isFirst else { throw BrokerError(.connectionClosed, "the consumer was run before") }
        defer { end() }
        try mailbox.checkUsable()
        let hasRun = await withTaskCancellationHandler {
            await IOThread.run(named: "amqp-consume") { [self] in
                ConsumerLoop(consumer: self, states: broadcaster).run()
            }
        } onCancel: {
            mailbox.post { $0.stop = .now }
        }
        guard hasRun else { throw BrokerError(.unreachable, "no thread could be made for the connection") }
    }

    /// Everything that has arrived since the last call, in order; waits for the first. Nil when nothing follows, and
    /// when the task is cancelled.
    public func nextBatch() async -> [Delivery]? {
        let id = mailbox.update { contents in
            contents.nextWaiter += 1
            return contents.nextWaiter
        }
        return await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                mailbox.update { contents in
                    // Read under the lock that the handler below takes after the flag is set: one sees the other.
                    if Task.isCancelled {
                        continuation.resume(returning: nil)
                    } else if !contents.ready.isEmpty {
                        var batch: [Delivery] = []
                        swap(&batch, &contents.ready)
                        continuation.resume(returning: batch)
                    } else if contents.hasEnded {
                        continuation.resume(returning: nil)
                    } else {
                        contents.waiters.append((id, continuation))
                    }
                }
            }
        } onCancel: {
            mailbox.update { contents in
                guard let index = contents.waiters.firstIndex(where: { $0.id == id }) else { return }
                contents.waiters.remove(at: index).continuation.resume(returning: nil)
            }
        }
    }

    /// Acknowledges deliveries, in any order. Finished runs go out as one frame. Any thread; does not wait.
    public func acknowledge(_ tags: [DeliveryTag]) {
        guard !tags.isEmpty else { return }
        mailbox.post { $0.acknowledged.append(contentsOf: tags) }
    }

    /// Gives a delivery back to its queue, or drops it (to its dead-letter exchange, where it has one).
    public func reject(_ tag: DeliveryTag, requeue: Bool) {
        mailbox.post { $0.rejected.append((tag, requeue)) }
    }

    /// Stops consuming and requeues what was not handed out.
    ///
    /// What was handed out stays with its taker, who acknowledges it or rejects it with `requeue`: only he knows what
    /// is journaled. Queues that go when nobody consumes (auto-delete, exclusive) stay consumed.
    public func pause() { mailbox.post { $0.isPaused = true } }

    /// Consumes again after `pause`.
    public func resume() { mailbox.post { $0.isPaused = false } }

    /// Drops the connection and makes it anew, with everything that is declared on it.
    ///
    /// For a connection that looks alive and does not deliver. What is unsettled comes again.
    ///
    /// - Parameter reason: told as the error with which the connection ended.
    public func renew(because reason: String) { mailbox.post { $0.renewal = reason } }

    /// Stops consuming, requeues what was not handed out, waits until what was is settled (at most so long), closes.
    ///
    /// Returns at once; `nextBatch` returns nil from then on, and `run` when it is through.
    public func shutDown(within grace: Duration) {
        let end = ContinuousClock.now + grace
        mailbox.post { if $0.stop == .no { $0.stop = .graceful(until: end) } }
    }

    /// What the connection does, from now on, beginning with the present state. A stream for each listener.
    public var states: AsyncStream<ConnectionState> { broadcaster.stream() }

    public var state: ConnectionState { broadcaster.current }

    public var statistics: Statistics { counts.withLock { $0 } }

    /// Ends the hand-over.
    func end() {
        mailbox.update { contents in
            contents.hasEnded = true
            contents.ready = []
            for waiter in contents.waiters { waiter.continuation.resume(returning: nil) }
            contents.waiters = []
        }
        asideContinuation.finish()
    }
}
