// SPDX-License-Identifier: Apache-2.0

internal import AMQP
public import ComputeModel
public import Logging
internal import Synchronization

/// Sends messages to the own host now and then, the way that a scheduler's casts take, and sees whether they come back.
///
/// A connection can look alive, answer heartbeats and deliver nothing. Two messages in a row that the broker has taken
/// and not delivered show that, and the connection is made anew. While the broker is busy with other deliveries, or
/// nothing is taken in on purpose, no conclusion is drawn.
public final class LoopbackProbe: Sendable {
    /// How often and how long.
    public struct Options: Sendable, Hashable {
        /// Between two probes.
        public var interval = Duration.seconds(20)
        /// For which one is waited for.
        public var timeout = Duration.seconds(10)
        /// So many in a row condemn a connection.
        public var failures = 2

        public init() {}
    }

    private enum Event: Sendable { case confirmed, refused(PublishError), delivered, timedOut }

    private struct Pending: Sendable {
        let id: UniqueBits
        let events: AsyncStream<Event>.Continuation
    }

    private let server: RPCServer
    private let publisher: WirePublisher
    private let options: Options
    private let identifiers: any IdentifierSource
    private let clock: any Clock<Duration>
    private let logger: Logger
    private let onReport: @Sendable (LoopbackReport) -> Void
    private let pending = Mutex<Pending?>(nil)
    private let last = Mutex<LoopbackReport?>(nil)

    /// - Parameters:
    ///   - publisher: the one whose connection the worker's own messages take.
    ///   - clock: by which intervals and time-outs are measured.
    ///   - onReport: told of every probe's end.
    public init(
        server: RPCServer, publisher: WirePublisher, options: Options = Options(),
        identifiers: any IdentifierSource = RandomIdentifiers(), clock: any Clock<Duration> = ContinuousClock(),
        logger: Logger, onReport: @escaping @Sendable (LoopbackReport) -> Void = { _ in }
    ) {
        self.server = server
        self.publisher = publisher
        self.options = options
        self.identifiers = identifiers
        self.clock = clock
        self.logger = logger
        self.onReport = onReport
    }

    /// What the last probe has shown; nil before the first.
    public var report: LoopbackReport? { last.withLock { $0 } }

    /// Probes until the task is cancelled or the server ends.
    public func run() async {
        while await connectionsAreUp() {
            let (result, roundTrip) = await probe()
            if Task.isCancelled { return }
            let failures = note(result, roundTrip)
            if failures >= options.failures, result.isFailure {
                await renewConnection(because: result)
            } else if !result.isFailure {
                // A failure is looked at again at once: it may have been chance.
                await pause()
            }
        }
    }

    /// A message to ourselves has come back.
    func arrived(_ id: UniqueBits) {
        pending.withLock { pending in
            if pending?.id == id { pending?.events.yield(.delivered) }
        }
    }

    // MARK: One probe

    private func probe() async -> (LoopbackReport.Result, Duration?) {
        let before = server.statistics
        // Behind what is not taken in it would only pile up.
        if let why = hindrance(before) { return (.inconclusive(why), nil) }
        let confirmedBefore = publisher.statistics.confirmed
        let id = identifiers.next()
        let (events, continuation) = AsyncStream<Event>.makeStream()
        pending.withLock { $0 = Pending(id: id, events: continuation) }
        defer { pending.withLock { $0 = nil } }
        let message = server.probe(id, lifetime: options.timeout)
        let began = ContinuousClock.now
        let result = await withTaskGroup(of: Void.self, returning: LoopbackReport.Result.self) { group in
            defer { group.cancelAll() }
            group.addTask {
                do throws(PublishError) {
                    try await self.publisher.publish(control: message)
                    continuation.yield(.confirmed)
                } catch {
                    continuation.yield(.refused(error))
                }
            }
            group.addTask {
                // Cancelled when the probe is over: nobody listens then.
                try? await self.clock.sleep(for: self.options.timeout)
                continuation.yield(.timedOut)
            }
            var (isConfirmed, isDelivered) = (false, false)
            for await event in events {
                switch event {
                case .confirmed: isConfirmed = true
                case .delivered: isDelivered = true
                case .refused(.returned): return .unroutable
                case .refused(let error): return .inconclusive("\(error)")
                case .timedOut where isConfirmed: return self.verdict(on: before)
                case .timedOut:
                    return self.publisher.isReady && self.publisher.statistics.confirmed == confirmedBefore
                        ? .notConfirmed : .inconclusive("the broker is slow to confirm")
                }
                if isConfirmed && isDelivered { return .passed }
            }
            return .inconclusive("cancelled")
        }
        return (result, result == .passed ? .now - began : nil)
    }

    /// What it means that a confirmed message did not come back.
    private func verdict(on before: Consumer.Statistics) -> LoopbackReport.Result {
        let now = server.statistics
        if !server.state.isUp || now.connections != before.connections { return .inconclusive("the connection went") }
        if let why = hindrance(now) { return .inconclusive(why) }
        if now.deliveries != before.deliveries { return .inconclusive("others are delivered before it") }
        return .notDelivered
    }

    /// Why the broker may deliver nothing at all.
    private func hindrance(_ now: Consumer.Statistics) -> String? {
        if now.isHeld { return "nothing is taken in just now" }
        if now.outstanding >= server.prefetch { return "as many as allowed are unsettled" }
        return nil
    }

    private func note(_ result: LoopbackReport.Result, _ roundTrip: Duration?) -> Int {
        let report = last.withLock { last in
            let before = last?.failures ?? 0
            let failures = result == .passed ? 0 : before + (result.isFailure ? 1 : 0)
            let report = LoopbackReport(result, roundTrip: roundTrip, failures: failures)
            last = report
            return report
        }
        onReport(report)
        return report.failures
    }

    // MARK: Waiting

    /// Returns once messages can go out and come in; false if the task was cancelled or the server ended.
    private func connectionsAreUp() async -> Bool {
        while !Task.isCancelled {
            if server.state == .closed || publisher.state == .closed { return false }
            if server.state.isUp, publisher.isReady { return true }
            for await state in server.states where state.isUp || state == .closed { break }
            for await state in publisher.states where state.isReady || state == .closed { break }
        }
        return false
    }

    /// Waits for the next turn, which comes early when the server's connection was made anew.
    private func pause() async {
        let states = server.states
        await withTaskGroup(of: Void.self) { group in
            defer { group.cancelAll() }
            // Cancelled where the connection comes first.
            group.addTask { try? await self.clock.sleep(for: self.options.interval) }
            group.addTask { await states.untilUpAnew() }
            await group.next()
        }
    }

    private func renewConnection(because result: LoopbackReport.Result) async {
        let reason = "\(result), \(options.failures) times or more in a row"
        let isPublisher = result == .notConfirmed
        logger.error(
            "the connection looks alive and does not work; it is made anew",
            metadata: ["connection": isPublisher ? "publish" : "consume", "reason": "\(reason)"])
        // Listened to from before, so that the end is not missed.
        let states = isPublisher ? publisher.states : server.states
        if isPublisher { publisher.renew(because: reason) } else { server.renew(because: reason) }
        await states.untilUpAnew()
    }
}

extension AsyncStream<ConnectionState> {
    /// Returns when a connection was lost and made, or is closed for good.
    fileprivate func untilUpAnew() async {
        var wasDown = false
        for await state in self {
            if state == .closed { return }
            if !state.isUp { wasDown = true } else if wasDown { return }
        }
    }
}

extension ConnectionState {
    fileprivate var isReady: Bool { if case .ready = self { true } else { false } }
}

extension WirePublisher {
    fileprivate var isReady: Bool { state.isReady }
}
