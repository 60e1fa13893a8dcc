// SPDX-License-Identifier: Apache-2.0

internal import Glibc

/// Asks once more why no TCP connection can be made: the library keeps no errno of its attempt.
enum SocketProbe {
    /// Longer than a refusal takes; a network that swallows packets has shown it before.
    private static let patience: Int32 = 1000

    /// The system's words for what the last address of the host said; nil where it answers after all.
    static func cause(_ endpoint: BrokerEndpoint) -> String? {
        var hints = addrinfo()
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        var addresses: UnsafeMutablePointer<addrinfo>?
        guard getaddrinfo(endpoint.host, String(endpoint.port), &hints, &addresses) == 0 else { return nil }
        defer { freeaddrinfo(addresses) }
        var cause: String?
        var next = addresses
        while let address = next?.pointee {
            let code = failure(address)
            guard code != 0 else { return nil }
            cause = String(cString: strerror(code))
            next = address.ai_next
        }
        return cause
    }

    private static func failure(_ address: addrinfo) -> Int32 {
        let descriptor = socket(
            address.ai_family, address.ai_socktype | Int32(SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { return errno }
        defer { close(descriptor) }
        guard connect(descriptor, address.ai_addr, address.ai_addrlen) != 0 else { return 0 }
        guard errno == EINPROGRESS else { return errno }
        var waiting = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
        guard poll(&waiting, 1, patience) > 0 else { return ETIMEDOUT }
        var code: Int32 = 0
        var size = socklen_t(MemoryLayout<Int32>.size)
        guard getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &code, &size) == 0 else { return errno }
        return code
    }
}
