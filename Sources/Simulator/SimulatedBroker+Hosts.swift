// SPDX-License-Identifier: Apache-2.0

internal import AMQP
internal import ComputeModel
internal import Logging
internal import OsloMessaging

extension SimulatedBroker {
    /// Who has the exclusive queue by which a worker holds its host, where it is not the present connection.
    enum Holder {
        /// Another worker, which answers who asks.
        case rival(SimulatedRival)
        /// A connection that the broker has not given up yet, or a worker that stands still.
        case silent
    }

    // MARK: Connecting

    /// Why a connection is refused now; nil where it is not.
    func refusal(of purpose: SimulatedConnection.Purpose) -> BrokerError? {
        if !isUp { return BrokerError(.unreachable, "simulated: no connection") }
        if refusesLogin {
            return BrokerError(
                .accessRefused,
                "simulated: the broker closed the connection: ACCESS_REFUSED - Login was refused using authentication "
                    + "mechanism PLAIN.", replyCode: 403)
        }
        guard purpose == .consume else { return nil }
        if holder != nil {
            return BrokerError(
                .queueLocked, "simulated: RESOURCE_LOCKED - cannot obtain exclusive access", replyCode: 405)
        }
        if hasOtherTopology {
            return BrokerError(.declarationRefused, Self.inequivalent, replyCode: 406)
        }
        return nil
    }

    static let inequivalent = "PRECONDITION_FAILED - inequivalent arg 'durable' for exchange 'nova' in vhost '/'"

    func accept(_ purpose: SimulatedConnection.Purpose) {
        switch purpose {
        case .consume: connectConsumer()
        case .publish: isPublisherConnected = true
        }
    }

    /// Whoever waits for a broker finds it.
    func comeBack() {
        isUp = true
        let news = BrokerError(.connectionClosed, "the broker is back")
        consumerConnection?.wake(news)
        publisherConnection?.wake(news)
    }

    /// Takes nothing from publishers, for a reason; nil for no longer.
    func block(_ reason: String?) {
        isBlocked = reason != nil
        guard isPublisherConnected else { return }
        publisherConnection?.states.send(reason.map { .blocked($0) } ?? .ready(queues: []))
    }

    // MARK: What workers say to each other

    /// Brings a question to who holds the host, and an answer to who asked.
    func publish(control message: OutboundMessage) throws(PublishError) {
        let delivery = Delivery(
            tag: DeliveryTag(generation: 1, value: 1), epoch: 1, subscription: 0, redelivered: false,
            exchange: message.exchange, routingKey: message.routingKey, properties: message.properties,
            body: message.body)
        if let inbox = inboxes[message.routingKey] { return inbox.receive(delivery) }
        switch holder {
        case .rival(let rival) where message.routingKey.hasSuffix(".holder"): rival.receive(delivery)
        case .silent where message.routingKey.hasSuffix(".holder"): return
        default: throw .returned(code: 312, text: "NO_ROUTE")
        }
    }
}

/// A worker of the same host, elsewhere: it holds the host and answers who asks, by the real claim.
///
/// @unchecked Sendable because only the thread of the simulation touches it.
final class SimulatedRival: @unchecked Sendable {
    let identity: HostHolder
    private let claim: HostClaim
    private let asked: AsyncStream<Delivery>.Continuation

    init(broker: SimulatedBroker, logger: Logger) {
        let world = broker.world
        identity = HostHolder(
            id: world.identifiers.next(), machine: "elsewhere", processID: 4711, since: world.wallClock.now(),
            statePath: "/var/lib/nova")
        let states = StateBroadcaster()
        states.send(.ready(queues: []))
        let (aside, asked) = AsyncStream<Delivery>.makeStream()
        self.asked = asked
        claim = HostClaim(
            topic: "compute", host: SimulatedWorker.host,
            channel: SimulatedChannel(broker: broker, consuming: states, publishing: states, aside: aside),
            identity: identity, identifiers: world.identifiers, clock: world.clock, logger: logger)
    }

    /// Until its task is cancelled.
    func run() async { try? await claim.run() }

    func receive(_ delivery: Delivery) { asked.yield(delivery) }
}

/// A claim's way over simulated connections.
struct SimulatedChannel: HostChannel {
    let broker: SimulatedBroker
    let consuming: StateBroadcaster
    let publishing: StateBroadcaster
    let aside: AsyncStream<Delivery>

    var states: AsyncStream<ConnectionState> { consuming.stream() }

    func publish(_ message: OutboundMessage, within patience: Duration?) async throws(PublishError) {
        for await state in publishing.stream() where state.isUp { break }
        if Task.isCancelled { throw .cancelled(mayHaveBeenDelivered: false) }
        try broker.publish(control: message)
    }

    func inbox(_ queue: String) -> any HostInbox { SimulatedInbox(queue, broker: broker) }
}

/// Where an answer arrives.
///
/// @unchecked Sendable because only the thread of the simulation touches it.
final class SimulatedInbox: HostInbox, @unchecked Sendable {
    private let queue: String
    private let broker: SimulatedBroker
    private let connection = StateBroadcaster()
    private let (arrivals, arrival) = AsyncStream<Delivery>.makeStream()
    /// Never says anything, and ends with its reader's task.
    private let (idle, idling) = AsyncStream<Void>.makeStream()

    init(_ queue: String, broker: SimulatedBroker) {
        self.queue = queue
        self.broker = broker
    }

    var states: AsyncStream<ConnectionState> { connection.stream() }

    func run() async throws(BrokerError) {
        // What refuses the worker's own connection refuses this one.
        if let refusal = broker.refusal(of: .publish) { throw refusal }
        broker.inboxes[queue] = self
        connection.send(.ready(queues: [queue]))
        for await _ in idle {}
        broker.inboxes[queue] = nil
    }

    func nextBatch() async -> [Delivery]? {
        for await delivery in arrivals { return [delivery] }
        return nil
    }

    func receive(_ delivery: Delivery) { arrival.yield(delivery) }
}
