// SPDX-License-Identifier: Apache-2.0

/// Brokers as one `transport_url`: written from Folsom's `rabbit_*` options, and shown without its secrets.
public struct BrokerURL: Sendable, Hashable {
    /// One broker's address; an IPv6 address without brackets.
    public struct Endpoint: Sendable, Hashable {
        public var host: String
        public var port: Int

        public init(host: String, port: Int) {
            self.host = host
            self.port = port
        }

        /// Reads `host`, `host:port`, `[v6]` or `[v6]:port`; nil where the port is none or the host is empty.
        init?(_ text: String, defaultPort: Int) {
            var host = text
            var port = Substring("\(defaultPort)")
            if text.hasPrefix("["), let bracket = text.firstIndex(of: "]") {
                host = String(text[text.index(after: text.startIndex)..<bracket])
                let rest = text[text.index(after: bracket)...]
                guard rest.isEmpty || rest.hasPrefix(":") else { return nil }
                if !rest.isEmpty { port = rest.dropFirst() }
            } else if text.utf8.count(where: { $0 == UInt8(ascii: ":") }) == 1, let colon = text.firstIndex(of: ":") {
                host = String(text[..<colon])
                port = text[text.index(after: colon)...]
            }
            guard !host.isEmpty, let number = Int(port), (1...65535).contains(number) else { return nil }
            self.init(host: host, port: number)
        }
    }

    public var endpoints: [Endpoint]
    public var user: String
    public var password: String
    public var virtualHost: String

    public init(endpoints: [Endpoint], user: String, password: String, virtualHost: String) {
        self.endpoints = endpoints
        self.user = user
        self.password = password
        self.virtualHost = virtualHost
    }

    /// The URL as oslo.messaging reads it: `rabbit://user:password@host:port[,…]/vhost`.
    ///
    /// Everything but letters, digits and `-._~` is percent-escaped; the virtual host `/` is the empty path.
    public var text: String {
        let login = "\(Self.escaped(user)):\(Self.escaped(password))@"
        let hosts = endpoints.map { endpoint in
            let host = endpoint.host.contains(":") ? "[\(endpoint.host)]" : endpoint.host
            return "\(login)\(host):\(endpoint.port)"
        }
        let path = virtualHost == "/" ? "" : Self.escaped(virtualHost)
        return "rabbit://\(hosts.joined(separator: ","))/\(path)"
    }

    private static func escaped(_ text: String) -> String {
        let digits = Array("0123456789ABCDEF".utf8)
        var output: [UInt8] = []
        for byte in text.utf8 {
            switch byte {
            case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"),
                UInt8(ascii: "~"):
                output.append(byte)
            default:
                output += [UInt8(ascii: "%"), digits[Int(byte >> 4)], digits[Int(byte & 15)]]
            }
        }
        return String(decoding: output, as: UTF8.self)
    }

    /// The URL with `***` for what stands before each `@` of its authority, and without the values of its query.
    ///
    /// A URL whose secrets cannot be told from the rest (an `@` after the authority, no scheme, a host
    /// without a login beside one with) becomes `***`.
    public static func masked(_ url: String) -> String {
        guard !url.isEmpty else { return "" }
        guard let scheme = url.firstRange(ofASCII: "://") else { return url.contains("@") ? "***" : url }
        let rest = url[scheme.upperBound...]
        let authorityEnd = rest.firstIndex(where: { $0 == "/" || $0 == "?" || $0 == "#" }) ?? rest.endIndex
        let tail = rest[authorityEnd...]
        let prefix = url[..<scheme.upperBound]
        guard !tail.contains("@") else { return "\(prefix)***" }
        let parts = rest[..<authorityEnd].split(separator: ",", omittingEmptySubsequences: false)
        let logins = parts.count { $0.contains("@") }
        guard logins == 0 || logins == parts.count else { return "\(prefix)***" }
        let hosts = parts.map { host in
            guard let at = host.lastIndex(of: "@") else { return String(host) }
            let login = host[..<at].contains(":") ? "***:***" : "***"
            return login + host[at...]
        }
        let path = tail.prefix { $0 != "?" }
        let query = tail.dropFirst(path.count + 1).split(separator: "&").map { pair in
            pair.prefix { $0 != "=" } + (pair.contains("=") ? "=***" : "")
        }
        return prefix + hosts.joined(separator: ",") + path + (query.isEmpty ? "" : "?" + query.joined(separator: "&"))
    }
}

extension String {
    fileprivate func firstRange(ofASCII text: String) -> Range<Index>? {
        let pattern = Array(text.utf8)
        var start = utf8.startIndex
        while start != utf8.endIndex {
            if utf8[start...].starts(with: pattern) { return start..<utf8.index(start, offsetBy: pattern.count) }
            start = utf8.index(after: start)
        }
        return nil
    }
}
