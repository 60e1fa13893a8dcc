// SPDX-License-Identifier: Apache-2.0

/// One broker of a transport URL.
///
/// Descriptions and mirrors show no credentials.
public struct BrokerEndpoint: Sendable, Hashable {
    /// A DNS name or an address; an IPv6 address without brackets.
    public var host: String
    public var port: UInt16
    public var user: String
    public var password: String

    public init(host: String, port: UInt16 = 5672, user: String = "guest", password: String = "guest") {
        self.host = host
        self.port = port
        self.user = user
        self.password = password
    }

    /// Host and port as they stand in a URL.
    public var address: String { host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)" }
}

extension BrokerEndpoint: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    public var description: String { address }
    public var debugDescription: String { address }
    public var customMirror: Mirror { Mirror(self, children: ["address": address]) }
}
