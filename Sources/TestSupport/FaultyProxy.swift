// SPDX-License-Identifier: Apache-2.0

internal import Glibc
internal import Synchronization

/// A TCP proxy before a broker, which does to connections what networks do.
///
/// One thread; it ends with ``close()`` or with the value.
public final class FaultyProxy: Sendable {
    /// What becomes of a connection's bytes.
    public enum Mode: Sendable, Equatable {
        case forward
        /// Nothing passes in either direction and nobody is told; new connections are taken and get nothing either.
        /// What was sent meanwhile passes when it is over, as TCP would send it again.
        case blackHole
        /// As before for the connections that there are, whose other ends are not even told when one closes; those made
        /// later are whole.
        case orphaned
        /// Of what comes from the broker, deliveries are dropped; all else passes, heartbeats too. Connections that are
        /// made later are whole.
        case deaf
        /// The same for confirms.
        case unconfirmed
        /// Of the connections that there are, nothing reaches the broker any more; what it sends passes.
        case mute
    }

    private struct State: Sendable {
        var mode = Mode.forward
        /// Counts the changes of the mode.
        var generation = 0
        var isClosed = false
        var accepted = 0
    }

    /// What the thread reads, which must not keep the proxy alive.
    private final class Control: Sendable {
        let state = Mutex(State())
    }

    /// Where clients connect, on 127.0.0.1.
    public let port: UInt16
    private let control = Control()
    private let wakeUp: [Int32]

    /// - Parameters:
    ///   - target: the port that it stands before, on 127.0.0.1.
    ///   - port: 0 for one that nobody has.
    public init(before target: UInt16, on port: UInt16 = 0) throws {
        let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        var address = loopbackAddress(port: port)
        var yes: Int32 = 1
        setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &yes, socklen_t(MemoryLayout<Int32>.size))
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let status = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer in
                bind(listener, pointer, length) == 0 && listen(listener, 512) == 0
                    ? getsockname(listener, pointer, &length) : -1
            }
        }
        var ends: [Int32] = [-1, -1]
        guard listener >= 0, status == 0, pipe(&ends) == 0 else {
            throw ChildProcess.Failure("no proxy can be made")
        }
        self.port = UInt16(bigEndian: address.sin_port)
        wakeUp = ends
        for descriptor in [listener] + ends { setNonBlocking(descriptor) }
        let loop = ProxyLoop(listener: listener, wakeUp: ends[0], target: target) { [control] in
            control.state.withLock { ($0.isClosed, $0.mode, $0.generation) }
        } accepted: { [control] in
            control.state.withLock { $0.accepted += 1 }
        }
        Thread.start { loop.run() }
    }

    deinit {
        close()
        Glibc.close(wakeUp[1])
    }

    /// Connections that were made to it so far.
    public var accepted: Int { control.state.withLock { $0.accepted } }

    /// From now on.
    public func set(_ mode: Mode) {
        control.state.withLock { state in
            state.mode = mode
            state.generation += 1
        }
        wake()
    }

    /// Ends all connections and takes no more.
    public func close() {
        let isFirst = control.state.withLock { state in
            defer { state.isClosed = true }
            return !state.isClosed
        }
        if isFirst { wake() }
    }

    private func wake() {
        var byte: UInt8 = 1
        _ = write(wakeUp[1], &byte, 1)
    }

    /// A thread that nobody waits for.
    private enum Thread {
        private final class Work: Sendable {
            let body: @Sendable () -> Void
            init(_ body: @escaping @Sendable () -> Void) { self.body = body }
        }

        static func start(_ body: @escaping @Sendable () -> Void) {
            let context = Unmanaged.passRetained(Work(body))
            var thread = pthread_t()
            let status = pthread_create(&thread, nil, { context in
                if let context { Unmanaged<Work>.fromOpaque(context).takeRetainedValue().body() }
                return nil
            }, context.toOpaque())
            if status == 0 { pthread_detach(thread) } else { context.release() }
        }
    }
}

func loopbackAddress(port: UInt16) -> sockaddr_in {
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = port.bigEndian
    address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
    return address
}

/// And not handed on to children, who would keep it open.
func setNonBlocking(_ descriptor: Int32) {
    _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
    _ = fcntl(descriptor, F_SETFL, fcntl(descriptor, F_GETFL) | O_NONBLOCK)
}
