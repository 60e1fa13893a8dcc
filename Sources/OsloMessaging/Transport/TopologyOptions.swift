// SPDX-License-Identifier: Apache-2.0

/// What nova lets an operator choose about exchanges and queues; the defaults are nova's.
public struct TopologyOptions: Sendable, Hashable {
    /// What quorum queues are limited by (`rabbit_quorum_*`); 0 sets no limit.
    public struct QuorumLimits: Sendable, Hashable {
        public var deliveryLimit = 0
        public var maximumMemoryLength = 0
        public var maximumMemoryBytes = 0

        public init() {}
    }

    /// The form of fanout queues.
    public enum FanoutForm: String, Sendable, Hashable, CaseIterable {
        /// Exclusive and auto-delete: gone with the connection.
        case folsom
        /// Neither, but expiring when unused, as oslo.messaging declares them.
        case expiring
    }

    /// `control_exchange`.
    public var controlExchange = "nova"
    /// `amqp_durable_queues`, in Folsom `rabbit_durable_queues`: topic and notification exchanges and queues outlive
    /// the broker's restart. Fanout and replies never do.
    public var isDurable = false
    /// `amqp_auto_delete`: topic and notification exchanges and queues go with their last user.
    public var isAutoDelete = false
    /// `rabbit_ha_queues`: mirrored queues, on brokers that still take the argument.
    public var isMirrored = false
    /// `rabbit_quorum_queue`: replicated topic and notification queues; implies durable ones, excludes mirrored ones.
    public var isQuorum = false
    public var quorumLimits = QuorumLimits()
    /// `rabbit_transient_quorum_queue`: the same for fanout and reply queues.
    public var isTransientQuorum = false
    /// `rabbit_transient_queues_ttl` in seconds: fanout and reply queues expire when unused for so long; 0 for never.
    public var transientQueueExpiry = 1800
    /// `enable_cancel_on_failover`: the broker cancels consumers when a mirrored queue fails over.
    public var cancelsOnFailover = false
    public var fanoutForm = FanoutForm.folsom
    /// Dead letters that are kept, the oldest dropped first.
    public var deadLetterCount = 10_000
    /// Bytes of dead letters that are kept.
    public var deadLetterBytes = 64 << 20
    /// Seconds for which a dead letter is kept.
    public var deadLetterAge = 14 * 86_400

    public init() {}
}
