// SPDX-License-Identifier: Apache-2.0

/// Where the brokers are and how to speak to them.
///
/// Descriptions show no credentials.
public struct BrokerConfiguration: Sendable, Hashable {
    public enum LoginMethod: String, Sendable, Hashable {
        case plain = "PLAIN"
        /// The broker takes the user from the client's certificate.
        case external = "EXTERNAL"
    }

    /// Tried in turn; never empty.
    public var endpoints: [BrokerEndpoint]
    public var virtualHost: String
    /// Nil: no TLS.
    public var tls: TLSConfiguration?
    public var loginMethod: LoginMethod = .plain
    /// Asked of the broker, which may lower it; 0 switches heartbeats off. A peer is given up after two intervals.
    public var heartbeat: Duration = .seconds(60)
    /// For each of: the TCP and TLS handshake, the AMQP handshake.
    public var connectTimeout: Duration = .seconds(10)
    /// For the answer to a declaration.
    public var replyTimeout: Duration = .seconds(15)
    public var reconnect = ReconnectPolicy()
    /// Shown by the broker's management tools.
    public var connectionName: String = "compute-worker"

    public init(
        endpoints: [BrokerEndpoint] = [BrokerEndpoint(host: "localhost")], virtualHost: String = "/",
        tls: TLSConfiguration? = nil
    ) {
        self.endpoints = endpoints.isEmpty ? [BrokerEndpoint(host: "localhost")] : endpoints
        self.virtualHost = virtualHost
        self.tls = tls
    }
}

extension BrokerConfiguration: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    public var description: String {
        let scheme = tls == nil ? "rabbit" : "rabbit+tls"
        return "\(scheme)://\(endpoints.map(\.address).joined(separator: ","))/\(virtualHost == "/" ? "" : virtualHost)"
    }
    public var debugDescription: String { description }
    public var customMirror: Mirror { Mirror(self, children: ["url": description]) }
}
