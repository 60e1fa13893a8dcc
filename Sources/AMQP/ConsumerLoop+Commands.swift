// SPDX-License-Identifier: Apache-2.0

internal import CRabbitMQ
internal import Logging
internal import Synchronization

extension ConsumerLoop {
    // MARK: Hand-over

    /// Hands what was drained to whoever waits, or leaves it for the next who asks.
    func handOver() {
        guard !batch.isEmpty else { return }
        var arrived: [Delivery] = []
        arrived.reserveCapacity(64)
        swap(&batch, &arrived)
        let truncated = arrived.reduce(into: UInt64(0)) { if $1.truncatedSize != nil { $0 += 1 } }
        consumer.counts.withLock { counts in
            counts.deliveries += UInt64(arrived.count)
            counts.truncated += truncated
            counts.outstanding = tracker.outstandingCount
        }
        let handed = arrived
        consumer.mailbox.update { contents in
            guard !contents.hasEnded else { return }
            // While a pause begins, what may have to be requeued goes to nobody.
            if contents.waiters.isEmpty || contents.isPaused {
                contents.ready.append(contentsOf: handed)
            } else {
                contents.waiters.removeFirst().continuation.resume(returning: handed)
            }
        }
    }

    // MARK: Commands

    func runCommands(_ session: BrokerSession) throws(BrokerError) {
        let (acknowledged, rejected, renewal) = consumer.mailbox.update { contents in
            var acknowledged: [DeliveryTag] = []
            var rejected: [(tag: DeliveryTag, requeue: Bool)] = []
            swap(&acknowledged, &contents.acknowledged)
            swap(&rejected, &contents.rejected)
            return (acknowledged, rejected, contents.renewal)
        }
        if let renewal { throw BrokerError(.givenUp, "\(session.address): \(renewal)") }
        for tag in overflowed { try reject(tag, requeue: true, session) }
        overflowed.removeAll()
        for (tag, requeue) in rejected {
            if tag.generation == generation {
                try reject(tag.value, requeue: requeue, session)
            } else {
                consumer.counts.withLock { $0.stale += 1 }
            }
        }
        guard !acknowledged.isEmpty else { return }
        let current = acknowledged.lazy.filter { $0.generation == self.generation }.map(\.value)
        let tags = Array(current)
        let before = tracker.outstandingCount
        let frames = tracker.acknowledge(tags)
        let settled = before - tracker.outstandingCount
        for frame in frames {
            let fields = amqp_basic_ack_t(delivery_tag: frame.tag, multiple: frame.multiple ? 1 : 0)
            try session.connection.send(AMQP_BASIC_ACK_METHOD, on: BrokerSession.mainChannel, fields)
        }
        consumer.counts.withLock { counts in
            counts.acknowledged += UInt64(settled)
            counts.acknowledgementFrames += UInt64(frames.count)
            counts.stale += UInt64(acknowledged.count - tags.count)
            counts.outstanding = tracker.outstandingCount
        }
    }

    private func reject(_ tag: UInt64, requeue: Bool, _ session: BrokerSession) throws(BrokerError) {
        guard tracker.reject(tag) else { return }
        let fields = amqp_basic_reject_t(delivery_tag: tag, requeue: requeue ? 1 : 0)
        try session.connection.send(AMQP_BASIC_REJECT_METHOD, on: BrokerSession.mainChannel, fields)
        consumer.counts.withLock { $0.rejected += 1 }
    }

    // MARK: Consuming and not consuming

    /// Stops or begins consuming as the caller and the bytes outstanding want it.
    func followPause(_ session: BrokerSession, _ isPaused: Bool) throws(BrokerError) {
        if tracker.outstandingBytes > consumer.maximumOutstandingBytes {
            if !isOverfull {
                logger.notice("too many bytes are unacknowledged; consuming stops until half is settled")
            }
            isOverfull = true
        } else if isOverfull, tracker.outstandingBytes <= consumer.maximumOutstandingBytes / 2 {
            isOverfull = false
        }
        let isHeld = isPaused || isOverfull
        if isHeld != wasHeld { consumer.counts.withLock { $0.isHeld = isHeld } }
        wasHeld = isHeld
        if isHeld {
            try stopConsuming(session, all: false, requeuesReady: isPaused)
        } else {
            for index in subscriptions.indices
            where !subscriptions[index].isConsuming && !subscriptions[index].wasCancelled {
                try consume(index, session)
            }
        }
    }

    /// Cancels the consumers, and gives back what they delivered and nobody took.
    func stopConsuming(_ session: BrokerSession, all: Bool, requeuesReady: Bool = true) throws(BrokerError) {
        let concerned = subscriptions.indices.filter { all || subscriptions[$0].canPause }
        guard concerned.contains(where: { subscriptions[$0].isConsuming }) || requeuesReady else { return }
        for index in concerned where subscriptions[index].isConsuming {
            var fields = amqp_basic_cancel_t()
            fields.consumer_tag = session.connection.encoder.bytes(String(index + 1))
            try session.call(AMQP_BASIC_CANCEL_METHOD, fields, expecting: AMQP_BASIC_CANCEL_OK_METHOD)
            subscriptions[index].isConsuming = false
        }
        session.connection.encoder.reset()
        guard requeuesReady else { return }
        handOver()
        let concernedSet = Set(concerned)
        let requeued = consumer.mailbox.update { contents in
            let requeued = contents.ready.filter { concernedSet.contains($0.subscription) }.map(\.tag.value)
            contents.ready.removeAll { concernedSet.contains($0.subscription) }
            if !contents.ready.isEmpty, !contents.waiters.isEmpty {
                var rest: [Delivery] = []
                swap(&rest, &contents.ready)
                contents.waiters.removeFirst().continuation.resume(returning: rest)
            }
            return requeued
        }
        for tag in requeued { try reject(tag, requeue: true, session) }
    }

    /// Declares, binds and consumes again what the broker cancelled.
    func consumeCancelled(_ session: BrokerSession, _ isPaused: Bool) throws(BrokerError) {
        for index in subscriptions.indices where subscriptions[index].wasCancelled {
            try declare(index, session)
            subscriptions[index].wasCancelled = false
            if !((isPaused || isOverfull) && subscriptions[index].canPause) { try consume(index, session) }
        }
    }

    func declare(_ index: Int, _ session: BrokerSession) throws(BrokerError) {
        let subscription = subscriptions[index].declared
        for exchange in subscription.exchanges { try session.declare(exchange) }
        let queue = try session.declare(subscription.queue)
        subscriptions[index].queue = queue
        for binding in subscription.bindings {
            try session.bind(binding, queue: binding.queue.isEmpty ? queue : binding.queue)
        }
    }

    func consume(_ index: Int, _ session: BrokerSession) throws(BrokerError) {
        let subscription = subscriptions[index]
        var quality = amqp_basic_qos_t()
        quality.prefetch_count = max(1, subscription.declared.prefetch ?? consumer.prefetch)
        try session.call(AMQP_BASIC_QOS_METHOD, quality, expecting: AMQP_BASIC_QOS_OK_METHOD)
        let encoder = session.connection.encoder
        defer { encoder.reset() }
        var fields = amqp_basic_consume_t()
        fields.queue = encoder.bytes(subscription.queue)
        fields.consumer_tag = encoder.bytes(String(index + 1))
        fields.exclusive = subscription.declared.exclusive ? 1 : 0
        fields.arguments = encoder.table(subscription.declared.arguments)
        try session.call(AMQP_BASIC_CONSUME_METHOD, fields, expecting: AMQP_BASIC_CONSUME_OK_METHOD)
        subscriptions[index].isConsuming = true
        subscriptions[index].wasCancelled = false
    }

    /// Consumers are tagged "1", "2", … in the order of their subscriptions, as nova-compute tags its own.
    static func index(ofConsumerTag tag: amqp_bytes_t) -> Int {
        var number = 0
        for byte in UnsafeRawBufferPointer(start: tag.bytes, count: min(tag.len, 9)) {
            number = number * 10 + Int(byte) - Int(UInt8(ascii: "0"))
        }
        return number - 1
    }
}
