// SPDX-License-Identifier: Apache-2.0

public import ComputeModel
internal import Configuration

/// Where messages come from and go to, and what is taken.
public struct MessagingOptions: Sendable, Equatable {
    /// `[DEFAULT] transport_url`, or what Folsom's `rabbit_*` amount to.
    public var transportURL: Secret<String>
    /// `[DEFAULT] control_exchange`.
    public var controlExchange: String
    /// `[DEFAULT] compute_topic`.
    public var topic: String
    /// `[DEFAULT] rpc_response_timeout`: for how long our own calls wait.
    public var responseTimeout: Duration
    /// `[compute_worker] maximum_message_size`, in bytes.
    public var maximumMessageSize: Int
    /// `[compute_worker] dead_letter_max_length`, in messages.
    public var deadLetterMaxLength: Int
    /// `[compute_worker] dead_letter_ttl`.
    public var deadLetterTTL: Duration
    /// `[compute_worker] confirm_window`.
    public var confirmWindow: Int
    /// `[oslo_messaging_rabbit] kombu_missing_consumer_retry_timeout`: how long a reply waits for its queue.
    public var replyRetryTimeout: Duration
    /// How connections are made and kept.
    public var connection: ConnectionOptions
    /// The properties of the queues that are declared.
    public var queues: QueueOptions

    init(config: ConfigReader) throws {
        transportURL = Secret(try config.requiredString(forKey: "transport_url", isSecret: true))
        controlExchange = try config.requiredString(forKey: "control_exchange")
        topic = try config.requiredString(forKey: "compute_topic")
        responseTimeout = .seconds(try config.requiredInt(forKey: "rpc_response_timeout"))
        let worker = config.scoped(to: "compute_worker")
        maximumMessageSize = try worker.requiredInt(forKey: "maximum_message_size")
        deadLetterMaxLength = try worker.requiredInt(forKey: "dead_letter_max_length")
        deadLetterTTL = .seconds(try worker.requiredInt(forKey: "dead_letter_ttl"))
        confirmWindow = try worker.requiredInt(forKey: "confirm_window")
        let rabbit = config.scoped(to: "oslo_messaging_rabbit")
        replyRetryTimeout = .seconds(try rabbit.requiredInt(forKey: "kombu_missing_consumer_retry_timeout"))
        connection = try ConnectionOptions(config: rabbit)
        let fanout = try worker.requiredString(forKey: "fanout_queue", as: FanoutQueueForm.self)
        queues = try QueueOptions(config: rabbit, fanout: fanout)
    }
}

/// How connections to the brokers are made and kept: `[oslo_messaging_rabbit]`.
public struct ConnectionOptions: Sendable, Equatable {
    /// TLS; nil where `ssl` is false.
    public var tls: TLSOptions?
    /// `rabbit_login_method`.
    public var loginMethod: LoginMethod
    /// `heartbeat_timeout_threshold`; nil for no heartbeats.
    public var heartbeat: Duration?
    /// `rabbit_retry_interval`: the longest wait before the first new attempt.
    public var retryInterval: Duration
    /// `rabbit_retry_backoff`: what each attempt adds to that.
    public var retryBackoff: Duration
    /// `rabbit_interval_max`: the longest wait of all.
    public var retryMaximum: Duration
    /// `rabbit_qos_prefetch_count`, or 256 where that is 0.
    public var prefetch: Int

    init(config: ConfigReader) throws {
        tls = try TLSOptions(config: config)
        loginMethod = try config.requiredString(forKey: "rabbit_login_method", as: LoginMethod.self)
        let seconds = try config.requiredInt(forKey: "heartbeat_timeout_threshold")
        heartbeat = seconds == 0 ? nil : .seconds(seconds)
        retryInterval = .seconds(try config.requiredInt(forKey: "rabbit_retry_interval"))
        retryBackoff = .seconds(try config.requiredInt(forKey: "rabbit_retry_backoff"))
        retryMaximum = .seconds(try config.requiredInt(forKey: "rabbit_interval_max"))
        let count = try config.requiredInt(forKey: "rabbit_qos_prefetch_count")
        prefetch = count == 0 ? 256 : count
    }
}

/// TLS to the brokers: `[oslo_messaging_rabbit] ssl*`.
public struct TLSOptions: Sendable, Equatable {
    /// `ssl_ca_file`; nil for the system's certificates.
    public var caFile: String?
    /// `ssl_cert_file`, with `keyFile`.
    public var certificateFile: String?
    /// `ssl_key_file`, with `certificateFile`.
    public var keyFile: String?
    /// `ssl_enforce_hostname_verification`.
    public var verifiesHostName: Bool

    /// Nil where `ssl` is false.
    init?(config: ConfigReader) throws {
        caFile = config.string(forKey: "ssl_ca_file")
        certificateFile = config.string(forKey: "ssl_cert_file")
        keyFile = config.string(forKey: "ssl_key_file")
        verifiesHostName = try config.requiredBool(forKey: "ssl_enforce_hostname_verification")
        guard try config.requiredBool(forKey: "ssl") else { return nil }
    }
}

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
        self.fanout = fanout
    }
}
