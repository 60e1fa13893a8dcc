// SPDX-License-Identifier: Apache-2.0

public import AMQP
public import ComputeModel
public import Logging
internal import Synchronization

/// Sees to it that one worker serves a host: the holder of an exclusive queue, whom the others ask who it is.
///
/// The server declares the queue before it consumes anything, on the connection with which it consumes; so whoever
/// consumes holds it. A worker that starts and finds the queue held refuses to serve: at once if the holder answers,
/// after ``Options/patience`` if nobody does. (A predecessor that was killed just now leaves the queue within that.)
/// One that has served and lost its connection waits for as long as it takes: it may be its own last connection that
/// the broker has not given up yet.
public final class HostClaim: Sendable {
    public struct Options: Sendable, Hashable {
        /// For how long a worker that starts waits for a holder that does not answer.
        public var patience = Duration.seconds(3)
        /// For which an answer is waited for.
        public var answer = Duration.seconds(1)

        public init() {}
    }

    private enum Answer: Sendable { case holder(HostHolder), silence, nobody }

    private let host: String
    private let queue: String
    private let channel: any HostChannel
    private let identity: HostHolder
    private let probe: LoopbackProbe?
    private let options: Options
    private let identifiers: any IdentifierSource
    private let clock: any Clock<Duration>
    private let elapsed: @Sendable () -> Duration
    private let logger: Logger
    private let other = Mutex<HostHolder?>(nil)

    /// - Parameters:
    ///   - server: made with `holdsHost`.
    ///   - configuration: of the broker, for the connection by which the holder's answer comes.
    ///   - identity: what others are told who ask.
    ///   - probe: told of its messages, which come by the same way as the questions.
    public convenience init(
        topic: String, host: String, server: RPCServer, publisher: WirePublisher, configuration: BrokerConfiguration,
        identity: HostHolder, probe: LoopbackProbe? = nil, options: Options = Options(), logger: Logger
    ) {
        self.init(
            topic: topic, host: host,
            channel: BrokerHostChannel(
                server: server, publisher: publisher, configuration: configuration, logger: logger),
            identity: identity, probe: probe, options: options, logger: logger)
    }

    public init(
        topic: String, host: String, channel: any HostChannel, identity: HostHolder, probe: LoopbackProbe? = nil,
        options: Options = Options(), identifiers: any IdentifierSource = RandomIdentifiers(),
        clock: any Clock<Duration> = ContinuousClock(), logger: Logger
    ) {
        self.host = host
        queue = RPCTopology.holderQueue(topic, server: host)
        self.channel = channel
        self.identity = identity
        self.probe = probe
        self.options = options
        self.identifiers = identifiers
        self.clock = clock
        elapsed = clock.stopwatch
        self.logger = logger
    }

    /// Another worker that was found to serve the host; nil where there is none, or where it does not answer.
    public var rival: HostHolder? { other.withLock { $0 } }

    /// Answers who asks and watches over the claim, until the server ends or the task is cancelled.
    ///
    /// - Throws: ``HostHeld`` where the host was held by another worker from the beginning.
    public func run() async throws(HostHeld) {
        let (askers, continuation) = AsyncStream<String>.makeStream(bufferingPolicy: .bufferingNewest(16))
        let held = await withTaskGroup(of: HostHeld?.self) { group in
            defer { group.cancelAll() }
            group.addTask {
                await self.listen(continuation)
                return nil
            }
            group.addTask {
                for await asker in askers { await self.answer(asker) }
                return nil
            }
            group.addTask { await self.watch() }
            for await held in group { if let held { return HostHeld?.some(held) } }
            return nil
        }
        if let held { throw held }
    }

    // MARK: The holder

    private func listen(_ askers: AsyncStream<String>.Continuation) async {
        defer { askers.finish() }
        for await delivery in channel.aside {
            switch ControlMessage(delivery) {
            case .probe(let id)?: probe?.arrived(id)
            case .question?:
                // Anybody may ask, but the answer goes to no queue of others.
                guard let asker = delivery.properties.replyTo, asker.hasPrefix(askPrefix) else { break }
                askers.yield(asker)
            case .answer?, nil:
                logger.debug("a control message that means nothing here", metadata: ["queue": "\(delivery.routingKey)"])
            }
        }
    }

    private func answer(_ asker: String) async {
        let message = ControlMessage.answer(identity).outbound(
            exchange: "", routingKey: asker, lifetime: options.answer)
        do throws(PublishError) {
            try await channel.publish(message, within: options.answer)
            logger.warning("another worker wants to serve this host; it was told that we do")
        } catch {
            logger.debug("who asked for the holder is gone", metadata: ["error": "\(error)"])
        }
    }

    private var askPrefix: String { "\(queue).ask." }

    // MARK: The newcomer

    private func watch() async -> HostHeld? {
        var hasServed = false
        var lockedFor: (count: Int, since: Duration)?
        for await state in channel.states {
            switch state {
            case .ready, .blocked:
                hasServed = true
                lockedFor = nil
                other.withLock { $0 = nil }
            case .lost(let error, retryIn: _) where error.code == .queueLocked:
                let locked = (count: (lockedFor?.count ?? 0) + 1, since: lockedFor?.since ?? elapsed())
                lockedFor = locked
                if hasServed {
                    // Asked now and then: the attempts follow each other quickly.
                    if locked.count % 4 == 1 { await tellRival() }
                } else if let held = await refusal(after: elapsed() - locked.since) {
                    return held
                }
            default: break
            }
        }
        return nil
    }

    /// Why a worker that has not served yet must not; nil for as long as that may change.
    private func refusal(after waited: Duration) async -> HostHeld? {
        switch await ask() {
        case .holder(let holder) where holder.id != identity.id: HostHeld(host: host, holder: holder)
        case .silence where waited >= options.patience - options.answer: HostHeld(host: host, holder: nil)
        case .holder, .silence, .nobody: nil
        }
    }

    private func tellRival() async {
        let answer = await ask()
        guard case .holder(let holder) = answer, holder.id != identity.id else {
            logger.notice(
                "the broker still keeps this host for our last connection, it seems; not serving until it is free")
            return
        }
        let isNew = other.withLock { other in
            defer { other = holder }
            return other != holder
        }
        if isNew {
            logger.error(
                "another worker took this host over while we had no connection; not serving until it stops",
                metadata: ["holder": "\(holder)"])
        }
    }

    /// Asks the holder of the queue who it is.
    private func ask() async -> Answer {
        let asker = askPrefix + identifiers.next().hex
        let inbox = channel.inbox(asker)
        let question = ControlMessage.question.outbound(
            exchange: "", routingKey: queue, replyTo: asker, lifetime: options.answer)
        return await withTaskGroup(of: Answer?.self) { group in
            defer { group.cancelAll() }
            group.addTask {
                // Its end is the end of the wait; why it ended is of no use here.
                try? await inbox.run()
                return nil
            }
            group.addTask {
                for await case .ready in inbox.states { break }
                do throws(PublishError) {
                    try await self.channel.publish(question, within: nil)
                } catch {
                    if case .returned = error { return .nobody }
                    return nil
                }
                while let batch = await inbox.nextBatch() {
                    for delivery in batch {
                        if case .answer(let holder)? = ControlMessage(delivery) { return .holder(holder) }
                    }
                }
                return nil
            }
            group.addTask {
                // Cancelled when there is an answer.
                try? await self.clock.sleep(for: self.options.answer)
                return .silence
            }
            for await case let answer? in group { return answer }
            return .silence
        }
    }
}
