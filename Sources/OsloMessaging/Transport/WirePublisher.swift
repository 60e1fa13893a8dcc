// SPDX-License-Identifier: Apache-2.0

public import AMQP
public import Logging

/// Publishes messages as nova does: with its properties, and after declaring what it declares.
///
/// A reply to a queue that does not exist is tried again for a while, as oslo.messaging does; one to the exchange of a
/// Folsom call that is gone ends at once, and leaves no exchange behind. What goes to a queue that
/// is declared here, and finds it gone, is sent once more after it was declared anew. Everything else is tried once;
/// whoever keeps the message decides what a failure means.
public final class WirePublisher: Sendable {
    private let publisher: Publisher
    private let topology: RPCTopology
    private let retry: ReplyRetry
    private let missing: MissingQueues
    private let logger: Logger

    /// - Parameters:
    ///   - window: messages that may be unconfirmed at a time.
    ///   - closeGrace: how long the end of `run` waits for confirms that are outstanding.
    public init(
        configuration: BrokerConfiguration, topology: RPCTopology, window: Int = 512,
        closeGrace: Duration = .seconds(5), retry: ReplyRetry = ReplyRetry(), logger: Logger
    ) {
        publisher = Publisher(configuration: configuration, window: window, closeGrace: closeGrace, logger: logger)
        self.topology = topology
        self.retry = retry
        missing = MissingQueues(retry)
        self.logger = logger
    }

    /// Connects and publishes until the task is cancelled. Can be called once.
    public func run() async throws(BrokerError) { try await publisher.run() }

    /// Publishes a message and waits for the broker's confirm, and for a connection if there is none.
    ///
    /// - Throws: `PublishError.returned` for a reply whose queue stayed missing, and for any other mandatory message
    ///   that no queue takes.
    public func publish(
        _ message: EncodedMessage, deadline: ContinuousClock.Instant? = nil
    ) async throws(PublishError) {
        let outbound = outbound(message)
        if ReplyName.isMessageID(message.exchange) { return try await publishReply(outbound, deadline) }
        guard message.isMandatory, message.exchange.isEmpty, ReplyName.isReplyQueue(message.routingKey) else {
            return try await publishDeclaringAnew(outbound, deadline)
        }
        let queue = message.routingKey
        guard !missing.contains(queue, at: .now) else {
            throw .returned(code: 312, text: "the reply queue was missing a moment ago")
        }
        var giveUpAt: ContinuousClock.Instant?
        while true {
            do {
                return try await publisher.publish(outbound, deadline: deadline)
            } catch {
                guard case .returned = error else { throw error }
                let now = ContinuousClock.now
                let limit = giveUpAt ?? now + retry.patience
                giveUpAt = limit
                guard now < limit else {
                    missing.insert(queue, at: now)
                    logger.notice(
                        "a caller's reply queue is missing; its replies are dropped for a while",
                        metadata: ["queue": "\(queue)"])
                    throw error
                }
            }
            do {
                try await ContinuousClock().sleep(for: retry.interval)
            } catch {
                throw .cancelled(mayHaveBeenDelivered: false)
            }
        }
    }

    /// Publishes to the exchange of one Folsom call. Where that is gone its caller is, and no attempt brings him back.
    private func publishReply(
        _ message: OutboundMessage, _ deadline: ContinuousClock.Instant?
    ) async throws(PublishError) {
        do throws(PublishError) {
            try await publisher.publish(message, deadline: deadline)
        } catch .declarationRefused(code: 404, let text), .refused(code: 404, let text) {
            throw .returned(code: 404, text: text)
        }
    }

    /// Publishes what workers say to themselves and to each other, once.
    func publish(
        control message: OutboundMessage, deadline: ContinuousClock.Instant? = nil
    ) async throws(PublishError) {
        try await publisher.publish(message, deadline: deadline)
    }

    /// Drops the connection and makes it anew; what is unconfirmed ends as `.connectionLost`.
    public func renew(because reason: String) { publisher.renew(because: reason) }

    /// What the connection does, from now on, beginning with the present state. A stream for each listener.
    public var states: AsyncStream<ConnectionState> { publisher.states }

    public var state: ConnectionState { publisher.state }

    public var statistics: Publisher.Statistics { publisher.statistics }

    private func publishDeclaringAnew(
        _ message: OutboundMessage, _ deadline: ContinuousClock.Instant?
    ) async throws(PublishError) {
        do {
            try await publisher.publish(message, deadline: deadline)
        } catch {
            guard case .returned = error, message.declarations.contains(where: \.isQueue) else { throw error }
            logger.notice("a queue is gone; declaring it anew", metadata: ["queue": "\(message.routingKey)"])
            try await publisher.publish(message, deadline: deadline)
        }
    }

    private func outbound(_ message: EncodedMessage) -> OutboundMessage {
        var properties = MessageProperties.json
        if message.headers[DeadLetter.reasonHeader] != nil {
            // Nobody should parse what could not be parsed.
            properties.contentType = "application/octet-stream"
            properties.contentEncoding = nil
        }
        properties.headers = message.headers.mapValues { .string($0) }
        properties.expiration = message.expiration.map { String($0) }
        var body = message.body
        if let sequence = message.sequence {
            properties.headers?[Envelope.sequenceKey] = .int(sequence)
            Envelope.number(&body, sequence)
        }
        return OutboundMessage(
            exchange: message.exchange, routingKey: message.routingKey, mandatory: message.isMandatory,
            properties: properties, body: body,
            declarations: topology.declarations(exchange: message.exchange, routingKey: message.routingKey))
    }
}

extension Declaration {
    fileprivate var isQueue: Bool { if case .queue = self { true } else { false } }
}
