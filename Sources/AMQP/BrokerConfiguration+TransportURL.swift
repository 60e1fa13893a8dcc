// SPDX-License-Identifier: Apache-2.0

extension BrokerConfiguration {
    /// From a `transport_url`; options in its query stand over the parameters, as in oslo.messaging.
    ///
    /// Read from the query: `ssl`, `ssl_ca_file`, `ssl_cert_file`, `ssl_key_file`, `heartbeat_timeout_threshold`,
    /// `rabbit_login_method`. Others are left to whoever owns them (`TransportURL.query`).
    public init(
        transportURL text: String, tls: TLSConfiguration? = nil, virtualHost defaultVirtualHost: String? = nil
    ) throws(TransportURLError) {
        let url = try TransportURL(text)
        let virtualHost = url.virtualHost == "/" ? (defaultVirtualHost ?? "/") : url.virtualHost
        self.init(endpoints: url.endpoints, virtualHost: virtualHost, tls: tls)
        try apply(query: url.query)
    }

    private mutating func apply(query: [String: String]) throws(TransportURLError) {
        if let text = query["ssl"] {
            guard let on = Self.boolean(text) else {
                throw TransportURLError("transport_url: ssl is neither true nor false")
            }
            tls = on ? (tls ?? TLSConfiguration()) : nil
        }
        if let file = query["ssl_ca_file"] { tls?.authorityFile = file }
        if let file = query["ssl_cert_file"] { tls?.certificateFile = file }
        if let file = query["ssl_key_file"] { tls?.keyFile = file }
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

    private static func boolean(_ text: String) -> Bool? {
        switch text.lowercased() {
        case "1", "true", "yes", "on": true
        case "0", "false", "no", "off": false
        default: nil
        }
    }
}
