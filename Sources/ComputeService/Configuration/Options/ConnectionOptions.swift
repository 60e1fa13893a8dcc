// SPDX-License-Identifier: Apache-2.0

internal import Configuration

/// How connections to the brokers are made and kept: `[oslo_messaging_rabbit]`.
public struct ConnectionOptions: Sendable, Equatable {
    /// TLS; nil where `ssl` is false.
    public var tls: TLSOptions?
    /// What TLS takes where `transport_url` asks for it in its query: the `ssl_*` options, whatever `ssl` says.
    public var tlsOnRequest: TLSOptions
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
        tlsOnRequest = try TLSOptions(config: config)
        tls = try config.requiredBool(forKey: "ssl") ? tlsOnRequest : nil
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
