// SPDX-License-Identifier: Apache-2.0

internal import CRabbitMQ
internal import Logging
internal import Metrics
internal import Synchronization

/// The work of a publisher's thread.
final class PublisherLoop: SessionOwner {
    let publisher: Publisher
    let states: StateBroadcaster
    let logger: Logger

    /// Taken from the mailbox and not sent yet, in order; the first `nextQueued` are done with.
    var queued: [Submission] = []
    var nextQueued = 0
    var stopBy: ContinuousClock.Instant?

    // Of the present connection:
    var session: BrokerSession?
    var unconfirmed = ConfirmTracker<Submission>()
    var declared = DeclarationMemory()
    var assembler = ContentAssembler(maximumBodySize: .max)
    var pendingReturn: (code: UInt16, text: String, exchange: String, routingKey: String)?
    var closedChannel: BrokerError?
    var isReady = false
    var mustAwaitSocket = false
    var confirmedSinceCounted: UInt64 = 0

    /// Bytes written between two looks at what the broker says.
    static let burst = 262_144
    static let napWithoutHeartbeat = Duration.seconds(1)

    init(publisher: Publisher, states: StateBroadcaster) {
        self.publisher = publisher
        self.states = states
        logger = publisher.logger
    }

    func run() {
        let loop = ConnectionLoop(
            configuration: publisher.configuration, logger: logger, states: states, owner: self,
            reconnects: Counter(
                label: "compute_amqp_reconnects_total",
                dimensions: [("connection", publisher.configuration.connectionName)]))
        loop.run(
            isStopping: { isStopping },
            wait: { time in publisher.mailbox.sleep(socket: -1, atMost: time, unless: { $0.isStopping }) },
            serve: { session throws(BrokerError) in
                do throws(BrokerError) {
                    try serve(session)
                } catch {
                    forgetConnection(error)
                    throw error
                }
                forgetConnection(BrokerError(.connectionClosed, "closed by us"))
            })
        for submission in queued[nextQueued...] {
            submission.end(.failure(.closed(mayHaveBeenDelivered: submission.isSent)))
        }
    }

    // MARK: SessionOwner

    var isStopping: Bool { publisher.mailbox.update { $0.isStopping } }

    func blockedChanged(_ reason: String?) {
        logger.notice(
            reason == nil ? "broker takes messages again" : "broker blocks publishers",
            metadata: reason.map { ["reason": "\($0)"] })
        guard isReady else { return }
        states.send(reason.map { .blocked($0) } ?? .ready(queues: []))
    }

    func handle(_ frame: amqp_frame_t) throws(BrokerError) {
        switch Int32(frame.frame_type) {
        case AMQP_FRAME_METHOD: try handle(frame.payload.method)
        case AMQP_FRAME_HEADER:
            let size = frame.payload.properties.body_size
            if let content = try assembler.header(size: size, properties: MessageProperties()) { returned(content) }
        case AMQP_FRAME_BODY:
            let fragment = frame.payload.body_fragment
            let bytes = UnsafeRawBufferPointer(start: fragment.bytes, count: fragment.len)
            if let content = try assembler.fragment(bytes) { returned(content) }
        default: break
        }
    }

    private func handle(_ method: amqp_method_t) throws(BrokerError) {
        switch method.id {
        case AMQP_BASIC_ACK_METHOD:
            let fields = try method.fields(as: amqp_basic_ack_t.self)
            for submission in unconfirmed.confirm(fields.delivery_tag, multiple: fields.multiple != 0) {
                submission.end(.success(()))
                confirmedSinceCounted += 1
            }
        case AMQP_BASIC_NACK_METHOD:
            let fields = try method.fields(as: amqp_basic_nack_t.self)
            let nacked = unconfirmed.confirm(fields.delivery_tag, multiple: fields.multiple != 0)
            for submission in nacked { submission.end(.failure(.nacked)) }
            publisher.counts.withLock { $0.nacked += UInt64(nacked.count) }
        case AMQP_BASIC_RETURN_METHOD:
            let fields = try method.fields(as: amqp_basic_return_t.self)
            try assembler.begin()
            pendingReturn = (
                fields.reply_code, WireDecoder.string(fields.reply_text), WireDecoder.string(fields.exchange),
                WireDecoder.string(fields.routing_key)
            )
        case AMQP_CHANNEL_CLOSE_METHOD:
            guard let session else { return }
            closedChannel = try session.closedChannel(method, BrokerSession.mainChannel)
        default: break
        }
    }

    /// A returned message carries no tag. It is the oldest unconfirmed one with this address and this body; of equal
    /// ones each is returned, in order. Somebody may have deleted what it needs: the next attempt declares it anew.
    private func returned(_ content: ContentAssembler.Content) {
        guard let pending = pendingReturn else { return }
        pendingReturn = nil
        let submission = unconfirmed.first { submission in
            let message = submission.message
            return message.mandatory && message.body.count == content.body.count && submission.isWaiting
                && message.exchange == pending.exchange && message.routingKey == pending.routingKey
                && message.body == content.body
        }
        if let submission {
            declared.forget(submission.message.declarations)
            submission.end(.failure(.returned(code: pending.code, text: pending.text)))
        }
        publisher.counts.withLock { $0.returned += 1 }
        Counter(
            label: "compute_amqp_returned_total",
            dimensions: [("connection", publisher.configuration.connectionName)]
        ).increment()
    }
}
