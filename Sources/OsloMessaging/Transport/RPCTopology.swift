// SPDX-License-Identifier: Apache-2.0

public import AMQP
public import ComputeModel

/// The exchanges, queues and bindings of a service, declared as nova declares them.
public struct RPCTopology: Sendable {
    public let options: TopologyOptions
    /// The topics that notifications are published to; their queues are declared by the publisher.
    public let notificationTopics: [String]

    public init(options: TopologyOptions = TopologyOptions(), notificationTopics: [String] = ["notifications"]) {
        self.options = options
        self.notificationTopics = notificationTopics
    }

    // MARK: Names

    /// `compute.<host>`: the queue of one server.
    public static func serverTopic(_ topic: String, server: String) -> String { "\(topic).\(server)" }

    /// `compute_fanout`.
    public static func fanoutExchange(_ topic: String) -> String { topic + fanoutSuffix }

    /// `compute.<host>.dead`.
    public static func deadLetterQueue(_ topic: String, server: String) -> String {
        serverTopic(topic, server: server) + deadLetterSuffix
    }

    /// `compute.<host>.holder`: exclusive to the worker that serves the host.
    public static func holderQueue(_ topic: String, server: String) -> String {
        serverTopic(topic, server: server) + ".holder"
    }

    private static let fanoutSuffix = "_fanout"
    private static let deadLetterSuffix = ".dead"

    // MARK: Exchanges and queues

    /// The control exchange.
    public var topicExchange: Exchange {
        Exchange(
            name: options.controlExchange, kind: .topic, durable: options.isDurable || options.isQuorum,
            autoDelete: options.isAutoDelete)
    }

    /// A topic or notification queue.
    public func topicQueue(_ name: String) -> Queue {
        var arguments = sharedArguments(isQuorum: options.isQuorum)
        if options.isMirrored, !options.isQuorum { arguments["x-ha-policy"] = "all" }
        return Queue(
            name: name, durable: options.isDurable || options.isQuorum, autoDelete: options.isAutoDelete,
            arguments: arguments)
    }

    /// The exchange through which a cast reaches every server of a topic.
    public func fanoutExchange(_ topic: String) -> Exchange {
        Exchange(
            name: Self.fanoutExchange(topic), kind: .fanout, durable: options.isTransientQuorum, autoDelete: true)
    }

    /// A fanout queue of one server; `id` is fresh for each connection.
    public func fanoutQueue(_ topic: String, id: UniqueBits) -> Queue {
        transientQueue(
            name: "\(Self.fanoutExchange(topic))_\(id.hex)", isExclusive: options.fanoutForm == .folsom)
    }

    /// oslo.messaging's reply queue of one client: bound to nothing, reached through the default exchange.
    public func replyQueue(_ name: String) -> Queue { transientQueue(name: name, isExclusive: false) }

    /// The exchange of one Folsom call, named by its message id.
    public func directExchange(_ messageID: String) -> Exchange {
        Exchange(name: messageID, kind: .direct, autoDelete: true)
    }

    /// Where what could not be taken in waits for somebody to look at it.
    public func deadLetterQueue(_ name: String) -> Queue {
        Queue(
            name: name, durable: true,
            arguments: [
                "x-max-length": .int(Int64(options.deadLetterCount)),
                "x-max-length-bytes": .int(Int64(options.deadLetterBytes)),
                "x-message-ttl": .int(Int64(options.deadLetterAge) * 1000),
            ])
    }

    // MARK: Subscriptions

    /// What a server consumes: its topic, its own queue, the fanout; in nova's order.
    public func serverSubscriptions(
        topic: String, server: String, identifiers: any IdentifierSource = RandomIdentifiers()
    ) -> [Subscription] {
        let fanout = fanoutExchange(topic)
        return [topic, Self.serverTopic(topic, server: server)].map { name in
            subscription(exchange: topicExchange, queue: topicQueue(name), routingKey: name)
        } + [
            subscription(
                exchange: fanout, queue: fanoutQueue(topic, id: identifiers.next()), routingKey: topic)
        ]
    }

    /// The queue by which a worker keeps others from serving its host, and where they ask who it is.
    public func holderSubscription(_ topic: String, server: String) -> Subscription {
        Subscription(queue: Queue(name: Self.holderQueue(topic, server: server), exclusive: true), isLock: true)
    }

    /// What a client of oslo.messaging's form consumes.
    public func replySubscription(queue: String) -> Subscription {
        Subscription(queue: replyQueue(queue), arguments: consumerArguments)
    }

    /// What a caller of Folsom's form consumes for one call.
    public func directSubscription(messageID: String) -> Subscription {
        subscription(
            exchange: directExchange(messageID),
            queue: Queue(name: messageID, exclusive: true, autoDelete: true), routingKey: messageID)
    }

    /// Every notification of the topics, in a queue of the listener's own: it takes nothing from other consumers.
    public func listenerSubscription(id: UniqueBits) -> Subscription {
        Subscription(
            exchanges: [topicExchange],
            queue: Queue(name: "compute-worker-events-\(id.hex)", exclusive: true, autoDelete: true),
            bindings: notificationTopics.map { Binding(exchange: options.controlExchange, routingKey: "\($0).*") })
    }

    private func subscription(exchange: Exchange, queue: Queue, routingKey: String) -> Subscription {
        Subscription(
            exchanges: [exchange], queue: queue, bindings: [Binding(exchange: exchange.name, routingKey: routingKey)],
            arguments: consumerArguments)
    }

    // MARK: What a publisher declares

    /// What nova declares before it publishes there; nothing for the default exchange's queues of others.
    public func declarations(exchange: String, routingKey: String) -> [Declaration] {
        if exchange.isEmpty {
            guard routingKey.hasSuffix(Self.deadLetterSuffix) else { return [] }
            return [.queue(deadLetterQueue(routingKey))]
        }
        if exchange == options.controlExchange {
            guard isNotification(routingKey) else { return [.exchange(topicExchange)] }
            return [
                .exchange(topicExchange), .queue(topicQueue(routingKey)),
                .binding(Binding(queue: routingKey, exchange: exchange, routingKey: routingKey)),
            ]
        }
        if exchange.hasSuffix(Self.fanoutSuffix) {
            return [.exchange(fanoutExchange(String(exchange.dropLast(Self.fanoutSuffix.count))))]
        }
        if ReplyName.isMessageID(exchange) {
            // Its caller declared it before it called. Declared here for one that has gone, it would stay for ever:
            // what deletes itself with its last binding never does if it has none.
            var exchange = directExchange(exchange)
            exchange.passive = true
            return [.exchange(exchange)]
        }
        return []
    }

    private func isNotification(_ routingKey: String) -> Bool {
        NotificationPriority.allCases.contains { priority in
            notificationTopics.contains { priority.routingKey(topic: $0) == routingKey }
        }
    }

    // MARK: Arguments

    private func transientQueue(name: String, isExclusive: Bool) -> Queue {
        // Folsom knows neither argument, and an exclusive queue needs none: it goes with its connection.
        guard !isExclusive else { return Queue(name: name, exclusive: true, autoDelete: true) }
        var arguments = sharedArguments(isQuorum: options.isTransientQuorum)
        if options.isMirrored, !options.isTransientQuorum { arguments["x-ha-policy"] = "all" }
        if options.transientQueueExpiry > 0 {
            arguments["x-expires"] = .int(Int64(options.transientQueueExpiry) * 1000)
        }
        return Queue(name: name, durable: options.isTransientQuorum, arguments: arguments)
    }

    private func sharedArguments(isQuorum: Bool) -> FieldTable {
        guard isQuorum else { return [:] }
        var arguments: FieldTable = ["x-queue-type": "quorum"]
        let limits = options.quorumLimits
        if limits.deliveryLimit > 0 { arguments["x-delivery-limit"] = .int(Int64(limits.deliveryLimit)) }
        if limits.maximumMemoryLength > 0 {
            arguments["x-max-in-memory-length"] = .int(Int64(limits.maximumMemoryLength))
        }
        if limits.maximumMemoryBytes > 0 {
            arguments["x-max-in-memory-bytes"] = .int(Int64(limits.maximumMemoryBytes))
        }
        return arguments
    }

    private var consumerArguments: FieldTable {
        options.cancelsOnFailover ? ["x-cancel-on-ha-failover": true] : [:]
    }
}
