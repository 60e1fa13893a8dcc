// SPDX-License-Identifier: Apache-2.0

internal import Configuration

/// The properties of the queues and exchanges that are declared: `[oslo_messaging_rabbit]`.
public struct QueueOptions: Sendable, Equatable {
    /// `amqp_durable_queues`: topic exchange and topic queues. Quorum queues are durable in any case.
    public var isDurable: Bool
    /// `amqp_auto_delete`: topic exchange and topic queues.
    public var isAutoDelete: Bool
    /// `rabbit_quorum_queue`: topic queues.
    public var isQuorum: Bool
    /// `rabbit_transient_quorum_queue`: the fanout queue, in its expiring form, and its exchange durable.
    public var isTransientQuorum: Bool
    /// `rabbit_quorum_delivery_limit`; nil for none.
    public var quorumDeliveryLimit: Int?
    /// `rabbit_quorum_max_memory_length`; nil for none.
    public var quorumMaxMemoryLength: Int?
    /// `rabbit_quorum_max_memory_bytes`; nil for none.
    public var quorumMaxMemoryBytes: Int?
    /// `rabbit_ha_queues`: `x-ha-policy` = `all`.
    public var isMirrored: Bool
    /// `rabbit_transient_queues_ttl`; nil for no `x-expires`.
    public var transientTTL: Duration?
    /// `enable_cancel_on_failover`: `x-cancel-on-ha-failover` of consumers.
    public var cancelsOnFailover: Bool
    /// `[compute_worker] fanout_queue`.
    public var fanout: FanoutQueueForm

    init(config: ConfigReader, fanout: FanoutQueueForm) throws {
        func limit(_ key: ConfigKey) throws -> Int? {
            let value = try config.requiredInt(forKey: key)
            return value == 0 ? nil : value
        }
        isDurable = try config.requiredBool(forKey: "amqp_durable_queues")
        isAutoDelete = try config.requiredBool(forKey: "amqp_auto_delete")
        isQuorum = try config.requiredBool(forKey: "rabbit_quorum_queue")
        isTransientQuorum = try config.requiredBool(forKey: "rabbit_transient_quorum_queue")
        quorumDeliveryLimit = try limit("rabbit_quorum_delivery_limit")
        quorumMaxMemoryLength = try limit("rabbit_quorum_max_memory_length")
        quorumMaxMemoryBytes = try limit("rabbit_quorum_max_memory_bytes")
        isMirrored = try config.requiredBool(forKey: "rabbit_ha_queues")
        transientTTL = try limit("rabbit_transient_queues_ttl").map { .seconds($0) }
        cancelsOnFailover = try config.requiredBool(forKey: "enable_cancel_on_failover")
        self.fanout = fanout
    }
}
