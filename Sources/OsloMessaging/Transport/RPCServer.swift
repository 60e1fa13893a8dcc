// SPDX-License-Identifier: Apache-2.0

public import AMQP
public import ComputeModel
public import Logging

/// Takes requests off a service's topic, its own queue and its fanout.
///
/// Each message is scanned and handed on with its bytes; acknowledging is up to who takes it. Runs through every outage
/// of the broker: the queues are declared, bound and consumed again, with a fanout queue of a fresh name.
public final class RPCServer: Sendable {
    private let consumer: Consumer
    private let scanner: MessageScanner
    private let topology: RPCTopology
    private let routingKey: String
    let prefetch: Int

    /// - Parameters:
    ///   - topic: `compute`.
    ///   - server: the host's name.
    ///   - prefetch: unacknowledged messages that the broker may have outstanding here, per queue.
    ///   - maximumBodySize: of a larger body only the beginning is kept.
    ///   - maximumOutstandingBytes: bodies of unacknowledged messages; over it nothing more is taken until half is
    ///     settled.
    ///   - holdsHost: takes nothing while another worker that does so too serves the host (``HostClaim``).
    public init(
        configuration: BrokerConfiguration, topology: RPCTopology, topic: String, server: String,
        prefetch: UInt16 = 256, maximumBodySize: Int = 4 << 20, maximumOutstandingBytes: Int = 64 << 20,
        holdsHost: Bool = false, limits: JSONLimits = JSONLimits(),
        identifiers: any IdentifierSource = RandomIdentifiers(), logger: Logger
    ) {
        scanner = MessageScanner(limits: limits)
        self.topology = topology
        routingKey = RPCTopology.serverTopic(topic, server: server)
        self.prefetch = Int(prefetch)
        consumer = Consumer(
            configuration: configuration, prefetch: prefetch, maximumBodySize: maximumBodySize,
            maximumOutstandingBytes: maximumOutstandingBytes, asideType: ControlMessage.type, logger: logger
        ) {
            topology.serverSubscriptions(topic: topic, server: server, identifiers: identifiers)
                + (holdsHost ? [topology.holderSubscription(topic, server: server)] : [])
        }
    }

    /// Consumes until ``shutDown(within:)`` is through or the task is cancelled. Can be called once.
    public func run() async throws(BrokerError) { try await consumer.run() }

    /// Everything that has arrived since the last call, in arrival order; waits for the first; nil once closed.
    public func nextBatch() async -> [ReceivedMessage]? {
        await consumer.nextBatch()?.map { ReceivedMessage($0, scanner: scanner) }
    }

    /// Tells the broker that these are ours now. Does not wait; a tag of an earlier connection is ignored.
    public func acknowledge(_ tags: [DeliveryTag]) { consumer.acknowledge(tags) }

    /// Gives one back: to the queue, or away.
    public func reject(_ tag: DeliveryTag, requeue: Bool) { consumer.reject(tag, requeue: requeue) }

    /// Drops the connection and makes it anew, with everything that is declared on it.
    public func renew(because reason: String) { consumer.renew(because: reason) }

    /// What workers say to themselves and to each other.
    var aside: AsyncStream<Delivery> { consumer.aside }

    /// A message that takes the way of a scheduler's cast to this server.
    func probe(_ id: UniqueBits, lifetime: Duration) -> OutboundMessage {
        ControlMessage.probe(id).outbound(
            exchange: topology.options.controlExchange, routingKey: routingKey, lifetime: lifetime,
            declarations: [.exchange(topology.topicExchange)])
    }

    /// Stops deliveries and returns to the queue what was not handed out; ``resume()`` begins again.
    public func pause() { consumer.pause() }

    public func resume() { consumer.resume() }

    /// Stops deliveries, waits at most so long until what was handed out is settled, and ends ``run()``.
    public func shutDown(within grace: Duration) { consumer.shutDown(within: grace) }

    /// What the connection does, from now on, beginning with the present state. A stream for each listener.
    public var states: AsyncStream<ConnectionState> { consumer.states }

    public var state: ConnectionState { consumer.state }

    public var statistics: Consumer.Statistics { consumer.statistics }
}
