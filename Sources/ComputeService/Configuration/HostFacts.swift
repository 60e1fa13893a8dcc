// SPDX-License-Identifier: Apache-2.0

internal import Glibc

/// A fact about this machine that an option takes its default from.
public enum HostFact: Sendable, Hashable {
    case hostName
    case address
}

/// What defaults need to know about this machine.
public struct HostFacts: Sendable, Hashable {
    /// The machine's name, as gethostname(2) tells it.
    public var hostName: String
    /// The address that this machine speaks to others from, or 127.0.0.1.
    public var address: String

    public init(hostName: String, address: String) {
        self.hostName = hostName
        self.address = address
    }

    subscript(fact: HostFact) -> String {
        switch fact {
        case .hostName: hostName
        case .address: address
        }
    }

    /// Asks the machine.
    public static func current() -> HostFacts {
        HostFacts(hostName: currentHostName() ?? "localhost", address: currentAddress() ?? "127.0.0.1")
    }

    private static func currentHostName() -> String? {
        var buffer = [CChar](repeating: 0, count: 256)
        guard gethostname(&buffer, buffer.count - 1) == 0 else { return nil }
        let name = text(buffer)
        return name.isEmpty ? nil : name
    }

    /// The source address the kernel would choose for a peer elsewhere; connecting a datagram socket sends nothing.
    private static func currentAddress() -> String? {
        let socket = socket(AF_INET, Int32(SOCK_DGRAM.rawValue), 0)
        guard socket >= 0 else { return nil }
        defer { close(socket) }
        var peer = sockaddr_in()
        peer.sin_family = sa_family_t(AF_INET)
        peer.sin_port = in_port_t(80).bigEndian
        guard inet_pton(AF_INET, "8.8.8.8", &peer.sin_addr) == 1 else { return nil }
        let length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let connected = withUnsafePointer(to: &peer) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { connect(socket, $0, length) }
        }
        guard connected == 0 else { return nil }
        var own = sockaddr_in()
        var ownLength = length
        let named = withUnsafeMutablePointer(to: &own) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { getsockname(socket, $0, &ownLength) }
        }
        var buffer = [CChar](repeating: 0, count: Int(INET_ADDRSTRLEN))
        guard named == 0, inet_ntop(AF_INET, &own.sin_addr, &buffer, socklen_t(buffer.count)) != nil else { return nil }
        return text(buffer)
    }

    private static func text(_ buffer: [CChar]) -> String {
        String(decoding: buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}
