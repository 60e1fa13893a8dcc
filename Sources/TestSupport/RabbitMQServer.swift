// SPDX-License-Identifier: Apache-2.0

public import Foundation
internal import Glibc
internal import Synchronization

/// A private RabbitMQ on free loopback ports, with a home, a cookie, an epmd and a database of its own.
///
/// It ends with `shutDown`, and also when the process that made it dies in whatever way: a shell between the two reads
/// a pipe and kills the broker when the other end closes.
public final class RabbitMQServer: Sendable {
    public struct Failure: Error, CustomStringConvertible {
        public let description: String
    }

    /// What the certificate of a TLS listener says.
    public struct CertificateNames: Sendable {
        public var hosts: [String]
        public var addresses: [String]

        public init(hosts: [String] = [], addresses: [String] = []) {
            self.hosts = hosts
            self.addresses = addresses
        }
    }

    private struct Running: Sendable {
        let process: Process
        let control: FileHandle
    }

    public let directory: URL
    public let port: UInt16
    /// The TLS listener's; 0 if there is none.
    public let tlsPort: UInt16
    let environment: [String: String]
    private let running = Mutex<Running?>(nil)

    private init(directory: URL, ports: [UInt16], hasTLS: Bool) {
        self.directory = directory
        port = ports[0]
        tlsPort = hasTLS ? ports[3] : 0
        let path = directory.path
        environment = [
            "HOME": path, "PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8",
            "RABBITMQ_NODENAME": "compute\(ports[0])@localhost",
            "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1", "RABBITMQ_NODE_PORT": "\(ports[0])",
            "RABBITMQ_DIST_PORT": "\(ports[1])", "ERL_EPMD_PORT": "\(ports[2])", "ERL_EPMD_ADDRESS": "127.0.0.1",
            "RABBITMQ_MNESIA_BASE": "\(path)/mnesia", "RABBITMQ_LOG_BASE": "\(path)/log",
            "RABBITMQ_CONFIG_FILE": "\(path)/rabbitmq.conf", "RABBITMQ_PID_FILE": "\(path)/pid",
            "RABBITMQ_ENABLED_PLUGINS_FILE": "\(path)/plugins", "RABBITMQ_CONF_ENV_FILE": "/dev/null",
        ]
    }

    deinit { running.withLock { try? $0?.control.close() } }

    /// Starts a broker and returns when it accepts connections.
    ///
    /// - Parameters:
    ///   - certificate: makes a TLS listener with such a certificate, signed by `authorityFile`.
    ///   - settings: further lines of rabbitmq.conf.
    public static func start(
        certificate: CertificateNames? = nil, settings: [String] = []
    ) async throws -> RabbitMQServer {
        // A write to a broker's pipe whose shell is gone must be an error, not the end of the tests.
        signal(SIGPIPE, SIG_IGN)
        let directory = URL(fileURLWithPath: NSTemporaryDirectory())
            .appendingPathComponent("rabbitmq-\(UUID().uuidString.prefix(8))", isDirectory: true)
        try FileManager.default.createDirectory(
            at: directory, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
        let server = RabbitMQServer(directory: directory, ports: try freePorts(4), hasTLS: certificate != nil)
        try Data("[].".utf8).write(to: directory.appendingPathComponent("plugins"))
        var lines = ["disk_free_limit.absolute = 1MB", "vm_memory_high_watermark.relative = 0.6"] + settings
        if let certificate {
            try await server.makeCertificate(certificate)
            lines += server.tlsSettings
        }
        try Data((lines.joined(separator: "\n") + "\n").utf8)
            .write(to: directory.appendingPathComponent("rabbitmq.conf"))
        try await server.start()
        return server
    }

    private static let script = """
        exec 3<&0 </dev/null
        epmd -address 127.0.0.1 -port "$ERL_EPMD_PORT" >/dev/null 2>&1 & epmd=$!
        setsid /usr/lib/rabbitmq/bin/rabbitmq-server >>"$HOME/out" 2>&1 & server=$!
        (
            if read -r how <&3; then
                if [ "$how" = stop ]; then kill -s TERM -- "-$server"; else kill -s KILL -- "-$server"; fi
            else
                : >"$HOME/gone"
                kill -s KILL -- "-$server"
            fi
        ) & watcher=$!
        exec 3<&-
        wait "$server"
        kill "$watcher" "$epmd" 2>/dev/null
        wait
        if [ -e "$HOME/gone" ]; then rm -rf "$HOME"; fi
        """

    /// Starts the broker again after `stop` or `kill`, on the same ports and with the same database.
    public func start() async throws {
        let process = Process()
        let pipe = Pipe()
        process.executableURL = URL(fileURLWithPath: "/bin/sh")
        process.arguments = ["-c", Self.script]
        process.environment = environment
        process.standardInput = pipe
        process.standardOutput = FileHandle.nullDevice
        process.standardError = FileHandle.nullDevice
        try process.runWithSignals()
        running.withLock { $0 = Running(process: process, control: pipe.fileHandleForWriting) }
        let deadline = ContinuousClock.now + .seconds(90)
        while !Self.accepts(port) {
            guard process.isRunning, .now < deadline else {
                let log = (try? String(contentsOf: directory.appendingPathComponent("out"), encoding: .utf8)) ?? ""
                throw Failure(description: "RabbitMQ does not start: \(log.suffix(2000))")
            }
            // Nothing tells when a listener of another process opens.
            try await Task.sleep(for: .milliseconds(50))
        }
    }

    /// Stops the broker in an orderly way; the database stays.
    public func stop() async { await end("stop\n") }

    /// Kills the broker; the database stays as it is.
    public func kill() async { await end("kill\n") }

    public func restart() async throws {
        await stop()
        try await start()
    }

    /// Ends the broker and removes its directory.
    public func shutDown() async {
        await kill()
        try? FileManager.default.removeItem(at: directory)
    }

    private func end(_ word: String) async {
        let taken = running.withLock { running in
            defer { running = nil }
            return running
        }
        guard let taken else { return }
        await withCheckedContinuation { continuation in
            let once = Mutex(false)
            let resume: @Sendable () -> Void = {
                let isFirst = once.withLock { done in
                    defer { done = true }
                    return !done
                }
                if isFirst { continuation.resume() }
            }
            taken.process.terminationHandler = { _ in resume() }
            // Set after it ended, the handler is not called.
            if !taken.process.isRunning { resume() }
            try? taken.control.write(contentsOf: Data(word.utf8))
        }
        try? taken.control.close()
    }

    /// A transport URL for this broker.
    public func url(
        user: String = "guest", password: String = "guest", host: String = "127.0.0.1", tls: Bool = false
    ) -> String {
        "rabbit://\(user):\(password)@\(host):\(tls ? tlsPort : port)/"
    }

    private static func freePorts(_ count: Int) throws -> [UInt16] {
        var sockets: [Int32] = []
        defer { for socket in sockets { close(socket) } }
        return try (0..<count).map { _ in
            let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
            sockets.append(descriptor)
            var address = loopbackAddress(port: 0)
            var length = socklen_t(MemoryLayout<sockaddr_in>.size)
            let status = withUnsafeMutablePointer(to: &address) { pointer in
                pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer in
                    bind(descriptor, pointer, length) == 0 ? getsockname(descriptor, pointer, &length) : -1
                }
            }
            guard status == 0 else { throw Failure(description: "no free port on the loopback interface") }
            return UInt16(bigEndian: address.sin_port)
        }
    }

    private static func accepts(_ port: UInt16) -> Bool {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(descriptor) }
        var address = loopbackAddress(port: port)
        return withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
            }
        }
    }
}
