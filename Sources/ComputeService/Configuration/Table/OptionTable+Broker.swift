// SPDX-License-Identifier: Apache-2.0

extension OptionTable {
    static let transportURL = OptionName("DEFAULT", "transport_url")

    /// The names that an option has had in DEFAULT (Folsom) and in oslo.messaging's group.
    private static func rabbit(_ key: String) -> [OptionName] {
        [OptionName("oslo_messaging_rabbit", key), OptionName("DEFAULT", key)]
    }

    static let brokerOptions: [ConfigurationOption] = [
        ConfigurationOption(
            "DEFAULT", "transport_url", .url, secret: true,
            "Brokers: rabbit://user:password@host:port[,user:password@host:port]/vhost, percent-escaped."),
        superseded("rabbit_host", .word, default: "localhost", "Folsom: host name of the broker."),
        superseded("rabbit_port", .integer(1...65535), default: "5672", "Folsom: port of the broker."),
        superseded(
            "rabbit_hosts", .list(), default: "$rabbit_host:$rabbit_port", "Folsom: several brokers, host:port."),
        superseded("rabbit_userid", .text, default: "guest", "Folsom: user at the broker."),
        superseded("rabbit_password", .text, default: "guest", secret: true, "Folsom: password at the broker."),
        superseded("rabbit_virtual_host", .text, default: "/", "Folsom: virtual host at the broker."),
        ConfigurationOption(
            "DEFAULT", "control_exchange", .word, default: "nova",
            "Exchange of the topics and notifications."),
        ConfigurationOption(
            "DEFAULT", "compute_topic", .hostName, default: "compute",
            "Topic that is consumed: the queues are <topic> and <topic>.<host>, the fanout exchange <topic>_fanout."),
    ]

    private static func superseded(
        _ key: String, _ kind: OptionKind, default fallback: ConfigurationOption.Fallback, secret: Bool = false,
        _ help: String
    ) -> ConfigurationOption {
        ConfigurationOption(
            "DEFAULT", key, kind, default: fallback, aliases: [OptionName("oslo_messaging_rabbit", key)],
            secret: secret, standing: .superseded(by: transportURL), help)
    }

    static let rabbitOptions: [ConfigurationOption] = tlsOptions + connectionOptions + queueOptions

    private static let tlsOptions: [ConfigurationOption] = [
        served("ssl", .boolean, default: "false", aliases: rabbit("rabbit_use_ssl"), "Speak TLS to the brokers."),
        served(
            "ssl_ca_file", .path, aliases: rabbit("kombu_ssl_ca_certs"),
            "Certificates that the broker's chain must lead to (PEM); unset: the system's."),
        served("ssl_cert_file", .path, aliases: rabbit("kombu_ssl_certfile"), "The worker's own certificate (PEM)."),
        served("ssl_key_file", .path, aliases: rabbit("kombu_ssl_keyfile"), "The key of ssl_cert_file (PEM)."),
        served(
            "ssl_enforce_hostname_verification", .boolean, default: "true",
            "Refuse a broker whose certificate is not for its name; its authority is verified in any case."),
        ignored(
            "ssl_version", .text, aliases: rabbit("kombu_ssl_version"),
            because: "TLS 1.2 or newer is always negotiated",
            "Version of TLS."),
    ]

    private static let connectionOptions: [ConfigurationOption] = [
        served(
            "rabbit_login_method", .choice(["PLAIN", "AMQPLAIN", "EXTERNAL"]), default: "AMQPLAIN",
            aliases: [OptionName("DEFAULT", "rabbit_login_method")],
            "SASL mechanism; AMQPLAIN logs in as PLAIN does, which every broker takes as well."),
        served(
            "heartbeat_timeout_threshold", .integer(0...65535), default: "60",
            "Seconds between heartbeats; a connection without a sign of life for twice as long is lost; 0: none."),
        ignored(
            "heartbeat_rate", .integer(0...1000), default: "3", because: "one heartbeat is sent in each threshold",
            "Checks in each heartbeat_timeout_threshold."),
        served(
            "rabbit_retry_interval", .integer(1...3600), default: "1",
            aliases: [OptionName("DEFAULT", "rabbit_retry_interval")],
            "Seconds before the first new attempt to connect."),
        served(
            "rabbit_retry_backoff", .integer(0...3600), default: "2",
            aliases: [OptionName("DEFAULT", "rabbit_retry_backoff")],
            "Seconds that each further attempt waits longer; the wait is drawn between 0 and that."),
        served(
            "rabbit_interval_max", .integer(1...86400), default: "30",
            "Longest wait between attempts, in seconds; 4 at most where nobody answers at all."),
        ignored(
            "rabbit_max_retries", .integer(0 ... .max), default: "0",
            aliases: [OptionName("DEFAULT", "rabbit_max_retries")],
            because: "the worker tries to reconnect for ever", "Attempts to connect; 0: for ever."),
        ignored(
            "kombu_reconnect_splay", .number(0 ... .infinity), default: "0.0",
            because: "the wait before an attempt is always drawn at random", "Random part of the wait, in seconds."),
        ignored(
            "kombu_reconnect_delay", .number(0 ... .infinity), default: "1.0",
            because: "rabbit_retry_interval says how long to wait", "Seconds before the first attempt to connect again."
        ),
        ignored(
            "kombu_failover_strategy", .choice(["round-robin", "shuffle"]), default: "round-robin",
            because: "brokers are tried in the order of transport_url", "Order in which brokers are tried."),
        ignored(
            "kombu_compression", .text,
            because: "bodies are sent as they are; a compressed one is not read and goes to the dead letters",
            "Compression of bodies."),
        served(
            "kombu_missing_consumer_retry_timeout", .integer(0...3600), default: "60",
            aliases: [OptionName("oslo_messaging_rabbit", "kombu_reconnect_timeout")],
            "Seconds for which a reply is sent again to a queue that is not there."),
        served(
            "rabbit_qos_prefetch_count", .integer(0...65535), default: "0",
            "Messages that the broker may send ahead of their acknowledgement; 0: 256."),
        ignored(
            "rpc_conn_pool_size", .integer(1 ... .max), default: "30",
            aliases: [OptionName("DEFAULT", "rpc_conn_pool_size")],
            because: "there is one connection to consume and one to publish", "Connections to publish with."),
    ]

    private static let queueOptions: [ConfigurationOption] = [
        served(
            "amqp_durable_queues", .boolean, default: "false",
            aliases: [OptionName("DEFAULT", "amqp_durable_queues")] + rabbit("rabbit_durable_queues"), sample: "true",
            "Topic exchange and queues outlive the broker. All services of a cloud must agree."),
        served(
            "amqp_auto_delete", .boolean, default: "false", aliases: [OptionName("DEFAULT", "amqp_auto_delete")],
            "Topic queues vanish with their last consumer."),
        served("rabbit_quorum_queue", .boolean, default: "false", "Topic queues are quorum queues (and so durable)."),
        served(
            "rabbit_transient_quorum_queue", .boolean, default: "false",
            "The fanout queue is a quorum queue; it takes fanout_queue = expiring."),
        served(
            "rabbit_quorum_delivery_limit", .integer(0 ... .max), default: "0",
            "x-delivery-limit of quorum queues; 0: none."),
        served(
            "rabbit_quorum_max_memory_length", .integer(0 ... .max), default: "0",
            "x-max-in-memory-length of quorum queues; 0: none."),
        served(
            "rabbit_quorum_max_memory_bytes", .integer(0 ... .max), default: "0",
            "x-max-in-memory-bytes of quorum queues; 0: none."),
        served(
            "rabbit_ha_queues", .boolean, default: "false", aliases: [OptionName("DEFAULT", "rabbit_ha_queues")],
            "Queues carry x-ha-policy=all, which brokers before 3.0 read."),
        served(
            "rabbit_transient_queues_ttl", .integer(0...31_536_000), default: "1800",
            "Seconds after which an unused fanout queue of the expiring form vanishes; 0: never."),
        unserved("rabbit_stream_fanout", "Fanouts are a stream. Not served: true is refused."),
        unserved("use_queue_manager", "Names of reply and fanout queues repeat. Not served: true is refused."),
        served(
            "enable_cancel_on_failover", .boolean, default: "false",
            "The broker cancels consumers when a mirrored queue fails over; they consume again."),
    ]

    /// What changes the wire, and would leave casts unread if it were passed over.
    private static func unserved(_ key: String, _ help: String) -> ConfigurationOption {
        ConfigurationOption("oslo_messaging_rabbit", key, .boolean, default: "false", standing: .checked, help)
    }

    private static func served(
        _ key: String, _ kind: OptionKind, default fallback: ConfigurationOption.Fallback = .nothing,
        aliases: [OptionName] = [], sample: String? = nil, _ help: String
    ) -> ConfigurationOption {
        ConfigurationOption(
            "oslo_messaging_rabbit", key, kind, default: fallback, aliases: aliases, sample: sample, help)
    }

    private static func ignored(
        _ key: String, _ kind: OptionKind, default fallback: ConfigurationOption.Fallback = .nothing,
        aliases: [OptionName] = [], because reason: String, _ help: String
    ) -> ConfigurationOption {
        ConfigurationOption(
            "oslo_messaging_rabbit", key, kind, default: fallback, aliases: aliases,
            standing: .ignored(because: reason), help)
    }
}
