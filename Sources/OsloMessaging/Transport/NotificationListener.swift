// SPDX-License-Identifier: Apache-2.0

public import AMQP
public import ComputeModel
public import Logging

/// Follows the notification exchange from an exclusive queue of its own, so that it takes nothing from anybody else.
///
/// Sees what is published while it is connected. Notifications are acknowledged when they are handed out.
public final class NotificationListener: Sendable {
    private let consumer: Consumer
    private let limits: JSONLimits

    public init(
        configuration: BrokerConfiguration, topology: RPCTopology, limits: JSONLimits = JSONLimits(),
        identifiers: any IdentifierSource = RandomIdentifiers(), logger: Logger
    ) {
        self.limits = limits
        consumer = Consumer(configuration: configuration, logger: logger) {
            [topology.listenerSubscription(id: identifiers.next())]
        }
    }

    /// Listens until the task is cancelled. Can be called once.
    public func run() async throws(BrokerError) { try await consumer.run() }

    /// What has arrived since the last call, in order; waits for the first; nil once closed.
    public func nextBatch() async -> [Result<ReceivedNotification, MalformedMessage>]? {
        guard let batch = await consumer.nextBatch() else { return nil }
        consumer.acknowledge(batch.map(\.tag))
        return batch.map { delivery in
            if let size = delivery.truncatedSize {
                return .failure(MalformedMessage(.tooLarge, "the body of \(size) bytes is over the cap"))
            }
            return Result { () throws(MalformedMessage) in
                try ReceivedNotification(delivery.body, sequence: delivery.properties.sequence, limits: limits)
            }
        }
    }

    /// What the connection does, from now on, beginning with the present state. A stream for each listener.
    public var states: AsyncStream<ConnectionState> { consumer.states }
}

extension MessageProperties {
    fileprivate var sequence: Int64? {
        if case .int(let number)? = headers?[Envelope.sequenceKey] { number } else { nil }
    }
}
