// SPDX-License-Identifier: Apache-2.0

internal import CRabbitMQ
internal import Logging
internal import Synchronization

extension PublisherLoop {
    // MARK: The life of a connection

    func serve(_ session: BrokerSession) throws(BrokerError) {
        self.session = session
        try prepareChannel(session)
        publisher.counts.withLock { $0.connections += 1 }
        // Asked for when there was no connection: this one is new.
        publisher.mailbox.update { $0.renewal = nil }
        isReady = true
        logger.debug("publishing", metadata: ["amqp.address": "\(session.address)"])
        states.send(session.blockedReason.map { .blocked($0) } ?? .ready(queues: []))
        try work(session)
    }

    private func prepareChannel(_ session: BrokerSession) throws(BrokerError) {
        try session.openChannel()
        try session.call(
            AMQP_CONFIRM_SELECT_METHOD, amqp_confirm_select_t(), expecting: AMQP_CONFIRM_SELECT_OK_METHOD)
    }

    private func work(_ session: BrokerSession) throws(BrokerError) {
        let heartbeat = session.connection.heartbeat
        let nap = heartbeat > .zero ? min(.seconds(1), heartbeat / 2) : Self.napWithoutHeartbeat
        while true {
            let mayHaveMore = try session.drain()
            countConfirmed()
            if let renewal = publisher.mailbox.update({ $0.renewal }) {
                throw BrokerError(.givenUp, "\(session.address): \(renewal)")
            }
            if let error = closedChannel { try reopenChannel(session, error) }
            takeSubmissions(session)
            if stopBy == nil, isStopping { stopBy = .now + publisher.closeGrace }
            if let stopBy, unconfirmed.count == 0 || .now >= stopBy { return }
            let canSendMore = stopBy == nil ? try send(session) : false
            guard !mayHaveMore, !canSendMore, closedChannel == nil, !session.connection.hasBufferedFrames else {
                continue
            }
            let isStopping = stopBy != nil
            let wantsMore = wantsMore(session)
            publisher.mailbox.sleep(
                socket: session.connection.descriptor, wantsToWrite: mustAwaitSocket, atMost: nap,
                unless: {
                    (wantsMore && !$0.submitted.isEmpty) || $0.isStopping != isStopping || $0.renewal != nil
                })
        }
    }

    func forgetConnection(_ error: BrokerError) {
        isReady = false
        session = nil
        countConfirmed()
        for submission in unconfirmed.reset() { submission.end(.failure(.connectionLost(error))) }
        declared.forgetAll()
        assembler = ContentAssembler(maximumBodySize: .max)
        pendingReturn = nil
        closedChannel = nil
        mustAwaitSocket = false
    }

    private func countConfirmed() {
        guard confirmedSinceCounted > 0 else { return }
        let count = confirmedSinceCounted
        confirmedSinceCounted = 0
        publisher.counts.withLock { $0.confirmed += count }
    }

    // MARK: A channel that the broker closed

    /// Opens the channel again. The message that the broker objected to is told so; of the others nobody knows.
    private func reopenChannel(_ session: BrokerSession, _ error: BrokerError) throws(BrokerError) {
        closedChannel = nil
        assembler = ContentAssembler(maximumBodySize: .max)
        pendingReturn = nil
        logger.notice("broker closed the publishing channel; opening it again", metadata: ["error": "\(error)"])
        for submission in unconfirmed.reset() {
            // "no exchange 'x' in vhost '/'", "access to exchange 'x' in vhost '/' refused"
            let subject = "exchange '\(submission.message.exchange)' in vhost"
            if let code = error.replyCode, error.message.contains(subject) {
                submission.end(.failure(.refused(code: code, text: error.message)))
            } else {
                submission.end(.failure(.connectionLost(error)))
            }
        }
        // Whatever was deleted is declared again.
        declared.forgetAll()
        try prepareChannel(session)
    }

    // MARK: Sending

    /// Whether more submissions are of use; otherwise they stay where their submitters can take them back.
    private func wantsMore(_ session: BrokerSession) -> Bool {
        nextQueued == queued.count && session.blockedReason == nil && stopBy == nil
    }

    private func takeSubmissions(_ session: BrokerSession) {
        guard wantsMore(session) else { return }
        nextQueued = 0
        queued = publisher.mailbox.update { contents in
            var taken: [Submission] = []
            swap(&taken, &contents.submitted)
            return taken
        }
    }

    /// Sends what window and socket allow; true if there is more that may go at once.
    private func send(_ session: BrokerSession) throws(BrokerError) -> Bool {
        mustAwaitSocket = false
        guard nextQueued < queued.count, session.blockedReason == nil else { return false }
        var written = 0
        var sinceLook = Int.max
        var published: UInt64 = 0
        defer { if published > 0 { publisher.counts.withLock { $0.published += published } } }
        while nextQueued < queued.count, unconfirmed.count < publisher.window {
            guard written < Self.burst else { return true }
            // The library would wait inside a write for a broker that does not read.
            if sinceLook > 32_768 {
                guard session.connection.isWritable else {
                    mustAwaitSocket = true
                    return false
                }
                sinceLook = 0
            }
            let submission = queued[nextQueued]
            guard submission.isWaiting else {
                nextQueued += 1
                continue
            }
            guard try declare(for: submission, session) else { continue }
            if closedChannel != nil || session.blockedReason != nil { return false }
            nextQueued += 1
            submission.isSent = true
            unconfirmed.published(submission)
            try publish(submission.message, session)
            published += 1
            written += submission.message.body.count + 128
            sinceLook += submission.message.body.count + 128
        }
        return false
    }

    private func publish(_ message: OutboundMessage, _ session: BrokerSession) throws(BrokerError) {
        let encoder = session.connection.encoder
        defer { encoder.reset() }
        var properties = encoder.properties(message.properties)
        let status = message.body.withUnsafeBytes { body in
            // The library reads the body only.
            let bytes = amqp_bytes_t(len: body.count, bytes: UnsafeMutableRawPointer(mutating: body.baseAddress))
            return amqp_basic_publish(
                session.connection.state, BrokerSession.mainChannel, encoder.bytes(message.exchange),
                encoder.bytes(message.routingKey), message.mandatory ? 1 : 0, 0, &properties, bytes)
        }
        guard status == AMQP_STATUS_OK.rawValue else {
            throw BrokerConnection.error(status, doing: "publishing")
        }
    }

    /// Declares what the message names and this connection has not declared; false if the message ended by it.
    private func declare(for submission: Submission, _ session: BrokerSession) throws(BrokerError) -> Bool {
        for declaration in submission.message.declarations where !declared.contains(declaration) {
            do throws(BrokerError) {
                switch declaration {
                case .exchange(let exchange): try session.declare(exchange)
                case .queue(let queue): _ = try session.declare(queue)
                case .binding(let binding): try session.bind(binding, queue: binding.queue)
                }
            } catch {
                // Without the broker's word about this declaration it is the connection that failed.
                guard let code = error.replyCode, [403, 404, 405, 406].contains(code), error.code != .connectionClosed
                else { throw error }
                nextQueued += 1
                submission.end(.failure(.declarationRefused(code: code, text: error.message)))
                return false
            }
            declared.insert(declaration)
        }
        return true
    }
}
