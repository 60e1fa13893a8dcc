// SPDX-License-Identifier: Apache-2.0

/// A `transport_url` taken apart as oslo.messaging takes it apart.
///
/// `rabbit://[user:password@]host[:port][,…]/virtual_host[?key=value&…]`; percent escapes in user, password and
/// virtual host, IPv6 addresses in brackets, one virtual host for all hosts. An absent port is 5672, also with TLS; an
/// absent user is `guest`; an empty virtual host is `/`.
public struct TransportURL: Sendable, Hashable {
    public var endpoints: [BrokerEndpoint]
    public var virtualHost: String
    /// Options that stand over those of the configuration file (`ssl`, `ssl_ca_file`, …), unescaped.
    public var query: [String: String]
    /// Hosts without a user beside hosts with one: oslo.messaging warns of it, for they log in as `guest`.
    public var hostsWithoutCredentials: [String]

    public init(_ text: String) throws(TransportURLError) {
        guard let schemeEnd = text.firstRange(of: "://") else {
            throw TransportURLError("transport_url has no scheme; it looks like rabbit://user:password@host:5672/")
        }
        let scheme = text[..<schemeEnd.lowerBound].lowercased()
        guard scheme == "rabbit" || scheme == "kombu" || scheme.hasPrefix("kombu+") else {
            throw TransportURLError("transport_url names the driver '\(Self.safe(scheme))'; only rabbit is supported")
        }
        var rest = text[schemeEnd.upperBound...]
        if let fragment = rest.firstIndex(of: "#") { rest = rest[..<fragment] }
        var queryText: Substring = ""
        if let mark = rest.firstIndex(of: "?") {
            queryText = rest[rest.index(after: mark)...]
            rest = rest[..<mark]
        }
        var path: Substring = ""
        if let slash = rest.firstIndex(of: "/") {
            path = rest[rest.index(after: slash)...]
            rest = rest[..<slash]
        }
        let decodedPath = try Self.unescaped(path, in: "virtual host")
        virtualHost = decodedPath.isEmpty ? "/" : decodedPath
        query = try Self.query(queryText)

        var endpoints: [BrokerEndpoint] = []
        var without: [String] = []
        for part in rest.split(separator: ",", omittingEmptySubsequences: true) {
            let (endpoint, hasCredentials) = try Self.endpoint(part)
            endpoints.append(endpoint)
            if !hasCredentials { without.append(endpoint.address) }
        }
        hostsWithoutCredentials = without.count == endpoints.count ? [] : without
        self.endpoints = endpoints.isEmpty ? [BrokerEndpoint(host: "localhost")] : endpoints
    }

    private static func endpoint(_ text: Substring) throws(TransportURLError) -> (BrokerEndpoint, Bool) {
        var endpoint = BrokerEndpoint(host: "localhost")
        var location = text
        var hasCredentials = false
        if let at = text.lastIndex(of: "@") {
            let credentials = text[..<at]
            location = text[text.index(after: at)...]
            let colon = credentials.firstIndex(of: ":")
            let user = try unescaped(credentials[..<(colon ?? credentials.endIndex)], in: "user name")
            if !user.isEmpty { endpoint.user = user }
            if let colon {
                endpoint.password = try unescaped(credentials[credentials.index(after: colon)...], in: "password")
                hasCredentials = true
            }
        }
        var portText: Substring = ""
        if location.hasPrefix("[") {
            guard let end = location.firstIndex(of: "]") else {
                throw TransportURLError("transport_url has an IPv6 address without its closing bracket")
            }
            endpoint.host = String(location[location.index(after: location.startIndex)..<end])
            let after = location[location.index(after: end)...]
            if let colon = after.firstIndex(of: ":") { portText = after[after.index(after: colon)...] }
        } else if let colon = location.firstIndex(of: ":") {
            if colon != location.startIndex { endpoint.host = String(location[..<colon]) }
            portText = location[location.index(after: colon)...]
        } else if !location.isEmpty {
            endpoint.host = String(location)
        }
        if !portText.isEmpty {
            guard let port = UInt16(portText), port > 0 else {
                throw TransportURLError("transport_url: the port of host '\(safe(endpoint.host))' is not 1...65535")
            }
            endpoint.port = port
        }
        return (endpoint, hasCredentials)
    }

    private static func query(_ text: Substring) throws(TransportURLError) -> [String: String] {
        var values: [String: [String]] = [:]
        for pair in text.split(separator: "&", omittingEmptySubsequences: true) {
            guard let equals = pair.firstIndex(of: "=") else { continue }
            let key = try unescaped(pair[..<equals], in: "query", plusIsSpace: true)
            let value = try unescaped(pair[pair.index(after: equals)...], in: "query", plusIsSpace: true)
            // parse_qs drops keys without a value.
            if !value.isEmpty { values[key, default: []].append(value) }
        }
        return values.mapValues { $0.joined(separator: ",") }
    }

    /// Percent escapes resolved as Python's `unquote` does: a broken escape stands for itself.
    private static func unescaped(
        _ text: Substring, in part: String, plusIsSpace: Bool = false
    ) throws(TransportURLError) -> String {
        var bytes: [UInt8] = []
        var iterator = Array(text.utf8)[...]
        while let byte = iterator.popFirst() {
            if byte == UInt8(ascii: "%"), iterator.count >= 2,
                let high = hexDigit(iterator[iterator.startIndex]),
                let low = hexDigit(iterator[iterator.startIndex + 1])
            {
                bytes.append(high << 4 | low)
                iterator = iterator.dropFirst(2)
            } else {
                bytes.append(plusIsSpace && byte == UInt8(ascii: "+") ? UInt8(ascii: " ") : byte)
            }
        }
        guard let result = String(validating: bytes, as: UTF8.self) else {
            throw TransportURLError("transport_url: the \(part) is not UTF-8 after its percent escapes are resolved")
        }
        guard !bytes.contains(0) else { throw TransportURLError("transport_url: the \(part) contains a NUL") }
        return result
    }

    private static func hexDigit(_ byte: UInt8) -> UInt8? {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
        default: nil
        }
    }

    /// A URL without its scheme can put a password where a host is looked for: nothing long or odd is repeated.
    private static func safe(_ text: String) -> String {
        let isPlain = text.utf8.allSatisfy { $0 < 0x80 && $0 > 0x20 && $0 != UInt8(ascii: "@") }
        return isPlain && text.utf8.count <= 64 ? text : "…"
    }
}

extension TransportURL: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    public var description: String {
        "rabbit://\(endpoints.map(\.address).joined(separator: ","))/\(virtualHost == "/" ? "" : virtualHost)"
    }
    public var debugDescription: String { description }
    public var customMirror: Mirror { Mirror(self, children: ["url": description]) }
}
