// SPDX-License-Identifier: Apache-2.0

extension BrokerConfiguration {
    /// The keys of a URL's query that are read; what else stands there has no effect.
    public static let queryKeys: Set<String> = [
        "ssl", "ssl_ca_file", "ssl_cert_file", "ssl_key_file", "ssl_enforce_hostname_verification",
        "heartbeat_timeout_threshold", "rabbit_login_method",
    ]

    /// From a `transport_url`; options in its query (``queryKeys``) stand over everything else, as in oslo.messaging.
    ///
    /// - Parameters:
    ///   - tls: nil for no TLS, unless the query asks for it.
    ///   - tlsOnRequest: what `ssl=true` in the query switches on where `tls` is nil.
    ///   - adjust: further settings, over which the query stands too.
    public init(
        transportURL text: String, tls: TLSConfiguration? = nil,
        tlsOnRequest: TLSConfiguration = TLSConfiguration(), virtualHost defaultVirtualHost: String? = nil,
        adjust: (inout BrokerConfiguration) -> Void = { _ in }
    ) throws(TransportURLError) {
        let url = try TransportURL(text)
        let virtualHost = url.virtualHost == "/" ? (defaultVirtualHost ?? "/") : url.virtualHost
        self.init(endpoints: url.endpoints, virtualHost: virtualHost, tls: tls)
        adjust(&self)
        try apply(query: url.query, tlsOnRequest: tlsOnRequest)
    }

    private mutating func apply(
        query: [String: String], tlsOnRequest: TLSConfiguration
    ) throws(TransportURLError) {
        if let on = try Self.boolean("ssl", in: query) { tls = on ? (tls ?? tlsOnRequest) : nil }
        if let file = query["ssl_ca_file"] { tls?.authorityFile = file }
        if let file = query["ssl_cert_file"] { tls?.certificateFile = file }
        if let file = query["ssl_key_file"] { tls?.keyFile = file }
        if let on = try Self.boolean("ssl_enforce_hostname_verification", in: query) { tls?.verifiesHostName = on }
        if let text = query["heartbeat_timeout_threshold"] {
            guard let seconds = UInt16(text) else {
                throw TransportURLError("transport_url: heartbeat_timeout_threshold is not 0...65535 seconds")
            }
            heartbeat = .seconds(Int64(seconds))
        }
        if let text = query["rabbit_login_method"] {
            switch text.uppercased() {
            // AMQPLAIN carries the same user and password in another form; every RabbitMQ takes PLAIN as well.
            case "PLAIN", "AMQPLAIN": loginMethod = .plain
            case "EXTERNAL": loginMethod = .external
            default:
                throw TransportURLError("transport_url: rabbit_login_method is none of PLAIN, AMQPLAIN, EXTERNAL")
            }
        }
    }

    private static func boolean(
        _ key: String, in query: [String: String]
    ) throws(TransportURLError) -> Bool? {
        switch query[key]?.lowercased() {
        case nil: nil
        case "1", "true", "yes", "on": true
        case "0", "false", "no", "off": false
        default: throw TransportURLError("transport_url: \(key) is neither true nor false")
        }
    }
}
