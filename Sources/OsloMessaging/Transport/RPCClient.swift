// SPDX-License-Identifier: Apache-2.0

public import AMQP
public import ComputeModel
public import Logging
internal import Synchronization

/// Sends casts and calls, in either form.
///
/// One connection publishes. In oslo.messaging's form one more consumes the client's reply queue; in Folsom's form each
/// call has a connection, an exchange and a queue of its own, named by its message id.
public final class RPCClient: Sendable {
    private let configuration: BrokerConfiguration
    private let topology: RPCTopology
    private let form: WireForm
    private let encoder: RequestEncoder
    private let identifiers: any IdentifierSource
    private let logger: Logger
    private let publisher: WirePublisher
    private let replyQueue: String
    private let replies: Consumer
    private let calls = Mutex<[String: AsyncStream<CallEvent>.Continuation]>([:])

    /// - Parameter form: the form that the servers read; their answers are read in either.
    public init(
        configuration: BrokerConfiguration, topology: RPCTopology, form: WireForm,
        identifiers: any IdentifierSource = RandomIdentifiers(), logger: Logger
    ) {
        self.configuration = configuration
        self.topology = topology
        self.form = form
        self.identifiers = identifiers
        self.logger = logger
        encoder = RequestEncoder(form: form)
        publisher = WirePublisher(configuration: configuration, topology: topology, logger: logger)
        let replyQueue = "reply_\(identifiers.next().hex)"
        self.replyQueue = replyQueue
        replies = Consumer(configuration: configuration, logger: logger) {
            [topology.replySubscription(queue: replyQueue)]
        }
    }

    /// Keeps the connections until the task is cancelled. Casts and calls wait for them. Can be called once.
    public func run() async throws(BrokerError) {
        let ended = await withTaskGroup(of: Result<Void, BrokerError>.self) { group in
            group.addTask { await outcome { () throws(BrokerError) in try await self.publisher.run() } }
            if form == .enveloped {
                group.addTask { await outcome { () throws(BrokerError) in try await self.replies.run() } }
                group.addTask {
                    await self.distributeReplies()
                    return .success(())
                }
            }
            // The first that ends ends the others.
            let first = await group.next() ?? .success(())
            group.cancelAll()
            return first
        }
        try ended.get()
    }

    /// How the connection that publishes fares, from its state at this moment on.
    public var states: AsyncStream<ConnectionState> { publisher.states }

    /// Sends a request that nobody answers; returns when the broker has confirmed it.
    ///
    /// - Parameter isMandatory: whether a request that no queue takes is an error (nova's casts are not mandatory: they
    ///   vanish).
    public func cast(
        _ request: OutgoingRequest, to target: RPCTarget, isMandatory: Bool = false,
        deadline: ContinuousClock.Instant? = nil
    ) async throws(RPCError) {
        do {
            try await publisher.publish(
                message(request, to: target, isMandatory: isMandatory, replyTo: nil, expiration: nil),
                deadline: deadline)
        } catch {
            throw .undelivered(error)
        }
    }

    /// Sends a request and waits for its answer.
    ///
    /// A request that was not taken up when the wait is over is no longer delivered: in Folsom's form too, whose own
    /// clients leave it in the queue.
    ///
    /// - Parameters:
    ///   - timeout: for the whole call.
    ///   - monitorTimeout: seconds without a heartbeat after which a call is given up before that; only for servers
    ///     that read oslo.messaging's form.
    public func call(
        _ request: OutgoingRequest, to target: RPCTarget, timeout: Duration = .seconds(60),
        monitorTimeout: Int? = nil, isMandatory: Bool = false
    ) async throws(RPCError) -> JSONValue {
        let id = identifiers.next()
        let (events, continuation) = AsyncStream<CallEvent>.makeStream()
        let timer = CallTimer(timeout: timeout, silence: form == .enveloped ? monitorTimeout : nil)
        let replyTo = RequestEncoder.ReplyTo(
            messageID: id, queue: form == .enveloped ? replyQueue : nil, monitorTimeout: monitorTimeout)
        let message = message(
            request, to: target, isMandatory: isMandatory, replyTo: replyTo,
            expiration: timeout.wholeMilliseconds)
        if form == .enveloped { calls.withLock { $0[id.hex] = continuation } }
        defer { calls.withLock { _ = $0.removeValue(forKey: id.hex) } }

        let result = await withTaskGroup(of: Void.self) { group in
            defer { group.cancelAll() }
            group.addTask {
                await timer.run()
                continuation.yield(.timedOut)
            }
            switch form {
            case .enveloped: group.addTask { await self.replies.awaitReady(continuation) }
            case .flat:
                let consumer = Consumer(configuration: configuration, logger: logger) { [topology] in
                    [topology.directSubscription(messageID: id.hex)]
                }
                group.addTask { _ = await outcome { () throws(BrokerError) in try await consumer.run() } }
                group.addTask { await consumer.awaitReady(continuation) }
                group.addTask { await consumer.yieldFrames(to: continuation) }
            }
            var isSent = false
            var answer = JSONValue.null
            for await event in events {
                switch event {
                // After a reconnect the queue is there again; the request went out before.
                case .ready where isSent: break
                case .ready:
                    isSent = true
                    group.addTask {
                        do throws(PublishError) {
                            try await self.publisher.publish(message)
                        } catch {
                            continuation.yield(.undelivered(error))
                        }
                    }
                case .undelivered(let error): return Result<JSONValue, RPCError>.failure(.undelivered(error))
                case .timedOut: return .failure(.timedOut(method: request.method, after: timeout))
                case .malformed(let fault): return .failure(.malformedReply(fault))
                case .frame(let frame):
                    timer.heard()
                    if let failure = frame.failure { return .failure(.remote(failure)) }
                    if frame.isEnding {
                        // Folsom's last frame says only that the one before it was the last with a result.
                        return .success(form == .enveloped || !frame.result.isNull ? frame.result : answer)
                    }
                    if form == .flat { answer = frame.result }
                }
            }
            return .failure(.closed)
        }
        return try result.get()
    }

    private func message(
        _ request: OutgoingRequest, to target: RPCTarget, isMandatory: Bool, replyTo: RequestEncoder.ReplyTo?,
        expiration: Int?
    ) -> EncodedMessage {
        let (exchange, routingKey) = topology.address(of: target)
        return EncodedMessage(
            exchange: exchange, routingKey: routingKey, isMandatory: isMandatory,
            body: encoder.encode(
                method: request.method, version: request.version, namespace: request.namespace,
                arguments: request.arguments, context: request.context, uniqueID: identifiers.next(),
                replyTo: replyTo),
            expiration: expiration)
    }

    /// Hands each frame in the reply queue to the call that waits for it; late ones are dropped.
    private func distributeReplies() async {
        while let batch = await replies.nextBatch() {
            replies.acknowledge(batch.map(\.tag))
            for delivery in batch {
                let event = CallEvent(delivery)
                guard case .frame(let frame) = event, let id = frame.messageID else {
                    logger.warning("a message in the reply queue names no call", metadata: ["queue": "\(replyQueue)"])
                    continue
                }
                calls.withLock { $0[id] }?.yield(event)
            }
        }
    }
}

/// What a waiting call can be told.
private enum CallEvent: Sendable {
    case ready
    case frame(ReplyFrame)
    case malformed(MalformedMessage)
    case undelivered(PublishError)
    case timedOut

    init(_ delivery: Delivery) {
        do throws(MalformedMessage) {
            guard delivery.truncatedSize == nil else {
                throw MalformedMessage(.tooLarge, "the reply is over the cap")
            }
            self = .frame(try ReplyFrame(delivery.body))
        } catch {
            self = .malformed(error)
        }
    }
}

extension Consumer {
    /// Says so once the queue is there.
    fileprivate func awaitReady(_ continuation: AsyncStream<CallEvent>.Continuation) async {
        for await case .ready in states {
            continuation.yield(.ready)
            return
        }
    }

    fileprivate func yieldFrames(to continuation: AsyncStream<CallEvent>.Continuation) async {
        while let batch = await nextBatch() {
            acknowledge(batch.map(\.tag))
            for delivery in batch { continuation.yield(CallEvent(delivery)) }
        }
    }
}

/// When a call is given up: at its end, or earlier when its server falls silent.
private final class CallTimer: Sendable {
    private let end: ContinuousClock.Instant
    private let silence: Duration?
    private let silentAt: Mutex<ContinuousClock.Instant>

    init(timeout: Duration, silence: Int?) {
        let now = ContinuousClock.now
        end = now + timeout
        self.silence = silence.map { .seconds($0) }
        silentAt = Mutex(self.silence.map { now + $0 } ?? end)
    }

    func heard() {
        guard let silence else { return }
        silentAt.withLock { $0 = .now + silence }
    }

    /// Returns when the call is to be given up, or when the task is cancelled.
    func run() async {
        while true {
            let deadline = min(end, silentAt.withLock { $0 })
            guard .now < deadline else { return }
            do { try await ContinuousClock().sleep(until: deadline) } catch { return }
        }
    }
}

extension Duration {
    var wholeMilliseconds: Int {
        let (seconds, attoseconds) = components
        return Int(clamping: seconds) * 1000 + Int(attoseconds / 1_000_000_000_000_000)
    }
}

/// The outcome of work that can fail.
private func outcome<Failure: Error>(_ work: () async throws(Failure) -> Void) async -> Result<Void, Failure> {
    do { return .success(try await work()) } catch { return .failure(error) }
}
