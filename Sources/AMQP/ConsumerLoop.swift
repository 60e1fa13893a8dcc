// SPDX-License-Identifier: Apache-2.0

internal import CRabbitMQ
internal import Logging
internal import Metrics
internal import Synchronization

/// The work of a consumer's thread.
final class ConsumerLoop: SessionOwner {
    let consumer: Consumer
    let states: StateBroadcaster
    let logger: Logger
    var generation: UInt32 = 0
    var epoch: UInt64 = 0

    // Of the present connection:
    var session: BrokerSession?
    var subscriptions: [ActiveSubscription] = []
    var tracker = AckTracker()
    var assembler: ContentAssembler
    var decoder = WireDecoder()
    var pending: PendingDelivery?
    var batch: [Delivery] = []
    /// Tags whose bodies were dropped because too many bytes are outstanding; given back after the drain.
    var overflowed: [UInt64] = []
    var isOverfull = false
    var wasHeld = false
    var isReady = false
    /// The subscription that is a lock; -1 for none.
    var lockIndex = -1

    struct ActiveSubscription {
        let declared: Subscription
        /// The broker's, where it made the name.
        var queue: String
        var isConsuming = false
        /// The broker cancelled it: declare and consume again.
        var wasCancelled = false

        /// Whether the queue outlives its consumer.
        var canPause: Bool { !declared.queue.autoDelete && !declared.queue.exclusive }
    }

    struct PendingDelivery {
        let tag: UInt64
        let subscription: Int
        let redelivered: Bool
        let exchange: String
        let routingKey: String
        /// Its body is not kept, and it is given back when all of it has come.
        var isDropped = false
    }

    init(consumer: Consumer, states: StateBroadcaster) {
        self.consumer = consumer
        self.states = states
        logger = consumer.logger
        assembler = ContentAssembler(maximumBodySize: consumer.maximumBodySize)
    }

    func run() {
        let loop = ConnectionLoop(
            configuration: consumer.configuration, logger: logger, states: states, owner: self,
            reconnects: Counter(
                label: "compute_amqp_reconnects_total",
                dimensions: [("connection", consumer.configuration.connectionName)]))
        loop.run(
            isStopping: { consumer.mailbox.update { $0.stop != .no } },
            wait: { time in
                consumer.mailbox.sleep(socket: -1, atMost: time, unless: { $0.stop != .no })
            },
            serve: { session throws(BrokerError) in
                defer { forgetConnection() }
                try serve(session)
            })
    }

    // MARK: SessionOwner

    var isStopping: Bool { consumer.mailbox.update { $0.stop == .now } }

    func blockedChanged(_ reason: String?) {
        // A consumer's connection is never blocked as long as it publishes nothing; an alarm is still worth telling.
        guard isReady else { return }
        states.send(reason.map { .blocked($0) } ?? readyState)
    }

    func handle(_ frame: amqp_frame_t) throws(BrokerError) {
        switch Int32(frame.frame_type) {
        case AMQP_FRAME_METHOD: try handle(frame.payload.method)
        case AMQP_FRAME_HEADER:
            guard let decoded = frame.payload.properties.decoded else {
                throw BrokerError(.protocolViolation, "a content header without its properties")
            }
            let properties = decoder.properties(
                decoded.assumingMemoryBound(to: amqp_basic_properties_t.self).pointee)
            let size = frame.payload.properties.body_size
            // Consumers are cancelled by the one that passes the bound, however large: given back, it would come again
            // at once. What was on its way behind it gets one more time the room.
            let bound = consumer.maximumOutstandingBytes
            let fits = tracker.outstandingBytes <= bound || tracker.outstandingBytes + batchBytes(size) <= 2 * bound
            pending?.isDropped = !fits
            if let content = try assembler.header(size: size, properties: properties, keepsBody: fits) {
                finish(content)
            }
        case AMQP_FRAME_BODY:
            let fragment = frame.payload.body_fragment
            let bytes = UnsafeRawBufferPointer(start: fragment.bytes, count: fragment.len)
            if let content = try assembler.fragment(bytes) { finish(content) }
        default: break
        }
    }

    func batchBytes(_ size: UInt64) -> Int {
        size > UInt64(consumer.maximumBodySize) ? ContentAssembler.keptOfOversize : Int(size)
    }

    func handle(_ method: amqp_method_t) throws(BrokerError) {
        switch method.id {
        case AMQP_BASIC_DELIVER_METHOD:
            let fields = try method.fields(as: amqp_basic_deliver_t.self)
            try assembler.begin()
            pending = PendingDelivery(
                tag: fields.delivery_tag, subscription: Self.index(ofConsumerTag: fields.consumer_tag),
                redelivered: fields.redelivered != 0, exchange: decoder.exchange(fields.exchange),
                routingKey: decoder.routingKey(fields.routing_key))
        case AMQP_BASIC_CANCEL_METHOD:
            let fields = try method.fields(as: amqp_basic_cancel_t.self)
            let index = Self.index(ofConsumerTag: fields.consumer_tag)
            guard subscriptions.indices.contains(index) else { return }
            logger.notice(
                "broker cancelled a consumer; declaring and consuming again",
                metadata: ["amqp.queue": "\(subscriptions[index].queue)"])
            subscriptions[index].isConsuming = false
            subscriptions[index].wasCancelled = true
            // A node that goes takes acknowledgements along while the connection, to another one, lives on.
            epoch += 1
        case AMQP_CHANNEL_CLOSE_METHOD:
            guard let session else { return }
            throw try session.closedChannel(method, BrokerSession.mainChannel)
        default: break
        }
    }

    func finish(_ content: ContentAssembler.Content) {
        guard let pending else { return }
        self.pending = nil
        tracker.delivered(pending.tag, bytes: content.body.count)
        if pending.isDropped { return overflowed.append(pending.tag) }
        let type = content.properties.type
        let isAside = type != nil && type == consumer.asideType || pending.subscription == lockIndex
        let isTruncated = content.size > UInt64(consumer.maximumBodySize)
        let delivery = Delivery(
            tag: DeliveryTag(generation: generation, value: pending.tag), epoch: epoch,
            subscription: pending.subscription, redelivered: pending.redelivered, exchange: pending.exchange, routingKey: pending.routingKey,
            properties: content.properties, body: content.body, truncatedSize: isTruncated ? content.size : nil)
        guard isAside else { return batch.append(delivery) }
        consumer.mailbox.update { $0.acknowledged.append(delivery.tag) }
        consumer.asideContinuation.yield(delivery)
    }

    // MARK: The life of a connection

    func serve(_ session: BrokerSession) throws(BrokerError) {
        generation += 1
        epoch += 1
        self.session = session
        try session.openChannel()
        let declared = consumer.subscriptions()
        subscriptions = declared.map { ActiveSubscription(declared: $0, queue: $0.queue.name) }
        lockIndex = declared.firstIndex(where: \.isLock) ?? -1
        if lockIndex >= 0 { try declare(lockIndex, session) }
        for index in subscriptions.indices where index != lockIndex { try declare(index, session) }
        isOverfull = false
        // Asked for when there was no connection: this one is new.
        consumer.mailbox.update { $0.renewal = nil }
        let isPaused = consumer.mailbox.update { $0.isPaused }
        for index in subscriptions.indices where !(isPaused && subscriptions[index].canPause) {
            try consume(index, session)
        }
        isReady = true
        consumer.counts.withLock { $0.connections += 1 }
        logger.debug("consuming", metadata: ["amqp.address": "\(session.address)"])
        states.send(session.blockedReason.map { .blocked($0) } ?? readyState)
        // Deliveries may have come while the last consumer was being made.
        handOver()
        try work(session)
    }

    var readyState: ConnectionState { .ready(queues: subscriptions.map(\.queue)) }

    func work(_ session: BrokerSession) throws(BrokerError) {
        let heartbeat = session.connection.heartbeat
        let nap: Duration = heartbeat > .zero ? min(.seconds(1), heartbeat / 2) : .seconds(1)
        while true {
            let mayHaveMore = try session.drain()
            handOver()
            try runCommands(session)
            let (stop, isPaused) = consumer.mailbox.update { ($0.stop, $0.isPaused) }
            switch stop {
            case .no: break
            case .now:
                // Acknowledgements that were given before the cancellation may have come since.
                return try runCommands(session)
            case .graceful(let end):
                try stopConsuming(session, all: true)
                consumer.end()
                if tracker.outstandingCount == 0 || .now >= end { return }
            }
            if stop == .no {
                try followPause(session, isPaused)
                try consumeCancelled(session, isPaused)
            }
            // Cancelling and consuming read frames too.
            guard !mayHaveMore, batch.isEmpty, overflowed.isEmpty, !session.connection.hasBufferedFrames else {
                continue
            }
            consumer.mailbox.sleep(
                socket: session.connection.descriptor, atMost: nap,
                unless: { $0.hasCommands || $0.stop != stop || $0.isPaused != isPaused })
        }
    }

    func forgetConnection() {
        isReady = false
        lockIndex = -1
        consumer.counts.withLock { $0.outstanding = 0 }
        session = nil
        tracker = AckTracker()
        assembler = ContentAssembler(maximumBodySize: consumer.maximumBodySize)
        pending = nil
        batch = []
        overflowed = []
        // What was not handed out comes again by the next connection.
        consumer.mailbox.update { $0.ready = [] }
    }
}
