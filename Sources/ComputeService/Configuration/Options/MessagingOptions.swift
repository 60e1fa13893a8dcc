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
    /// `[DEFAULT] scheduler_topic`.
    public var schedulerTopic: String
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
    /// `[compute_worker] loopback_interval`: between two messages to ourselves; nil for none.
    public var loopbackInterval: Duration?
    /// `[compute_worker] loopback_timeout`: how long one may be on its way.
    public var loopbackTimeout: Duration
    /// How connections are made and kept.
    public var connection: ConnectionOptions
    /// The properties of the queues that are declared.
    public var queues: QueueOptions

    init(config: ConfigReader) throws {
        transportURL = Secret(try config.requiredString(forKey: "transport_url", isSecret: true))
        controlExchange = try config.requiredString(forKey: "control_exchange")
        topic = try config.requiredString(forKey: "compute_topic")
        schedulerTopic = try config.requiredString(forKey: "scheduler_topic")
        responseTimeout = .seconds(try config.requiredInt(forKey: "rpc_response_timeout"))
        let worker = config.scoped(to: "compute_worker")
        maximumMessageSize = try worker.requiredInt(forKey: "maximum_message_size")
        deadLetterMaxLength = try worker.requiredInt(forKey: "dead_letter_max_length")
        deadLetterTTL = .seconds(try worker.requiredInt(forKey: "dead_letter_ttl"))
        confirmWindow = try worker.requiredInt(forKey: "confirm_window")
        let interval = try worker.requiredInt(forKey: "loopback_interval")
        loopbackInterval = interval == 0 ? nil : .seconds(interval)
        loopbackTimeout = .seconds(try worker.requiredInt(forKey: "loopback_timeout"))
        let rabbit = config.scoped(to: "oslo_messaging_rabbit")
        replyRetryTimeout = .seconds(try rabbit.requiredInt(forKey: "kombu_missing_consumer_retry_timeout"))
        connection = try ConnectionOptions(config: rabbit)
        let fanout = try worker.requiredString(forKey: "fanout_queue", as: FanoutQueueForm.self)
        queues = try QueueOptions(config: rabbit, fanout: fanout)
    }
}
