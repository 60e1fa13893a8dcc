// SPDX-License-Identifier: Apache-2.0

public import Foundation
internal import Synchronization

/// A real libvirtd of the tests' own, with its own sockets, state, logs and guests; the host's is neither seen nor
/// touched.
///
/// It is started by `scripts/private-libvirtd.sh`, which also ends it when this process has gone, however it went.
public final class LibvirtServer: Sendable {
    /// Where a client connects (`qemu+unix:///system?socket=…`).
    public let uri: String
    /// A directory of the server's own, short enough for the names of sockets; guests' files may be put there.
    public let directory: URL

    private init(uri: String, directory: URL) {
        self.uri = uri
        self.directory = directory
    }

    /// Starts a server, runs `body` with it, and ends it with all its guests, whatever happens.
    ///
    /// - Parameter hostname: What the server's host is called; nil for the machine's own name. Guests move between two
    ///   servers only if their names differ.
    public static func withServer<Result>(
        hostname: String? = nil, isolation: isolated (any Actor)? = #isolation,
        _ body: (LibvirtServer) async throws -> Result
    ) async throws -> Result {
        let server = try await start(hostname: hostname)
        do {
            let result = try await body(server)
            try await server.stop()
            return result
        } catch {
            try? await server.stop()
            throw error
        }
    }

    /// Starts a server; the caller ends it.
    public static func start(hostname: String? = nil) async throws -> LibvirtServer {
        let directory = try shortDirectory()
        let output = try await run(
            [
                "start", directory.path, "--owner", "\(ProcessInfo.processInfo.processIdentifier)", "--cache",
                cache.path, "--temporary",
            ] + (hostname.map { ["--hostname", $0] } ?? []))
        guard let uri = output.split(separator: "\n").last.map(String.init), uri.contains("socket=") else {
            throw ServerFailure(description: "private-libvirtd.sh printed no URI: \(output)")
        }
        return LibvirtServer(uri: uri, directory: directory)
    }

    /// Ends the server and its guests and removes its directory.
    public func stop() async throws { try await control("stop") }

    /// Ends libvirtd in good order and starts it again; the guests go on.
    public func restart() async throws { try await control("restart") }

    /// Ends libvirtd as a crash would; the guests go on.
    public func kill() async throws { try await control("kill") }

    /// Halts libvirtd where it stands, as a hang would; ``thaw()`` lets it go on.
    public func freeze() throws { try signal(SIGSTOP) }

    /// Lets a halted libvirtd go on.
    public func thaw() throws { try signal(SIGCONT) }

    private func signal(_ number: Int32) throws {
        let text = try String(contentsOf: directory.appending(path: "libvirtd.pid"), encoding: .utf8)
        guard let process = pid_t(text.trimmingCharacters(in: .whitespacesAndNewlines)),
            Foundation.kill(process, number) == 0
        else { throw ServerFailure(description: "the libvirtd of \(directory.path) can't be signalled") }
    }

    /// Starts libvirtd again after ``kill()``.
    public func resume() async throws { try await control("resume") }

    /// Asks with virsh, a witness that shares no code with us but libvirt's; its output without the last line end.
    public func virsh(_ arguments: String...) async throws -> String {
        try await Self.execute("/usr/bin/env", ["virsh", "-q", "-c", uri] + arguments)
    }

    private func control(_ verb: String) async throws { _ = try await Self.run([verb, directory.path]) }

    /// What libvirt learns of QEMU takes it some seconds, so the servers of all test runs share it.
    private static let cache = URL(fileURLWithPath: "/tmp/compute-worker-libvirt-cache-\(getuid())")

    private static func shortDirectory() throws -> URL {
        let name = "/tmp/cw-virt-\(UInt32.random(in: .min ... .max))"
        let directory = URL(fileURLWithPath: name)
        try FileManager.default.createDirectory(
            at: directory, withIntermediateDirectories: false, attributes: [.posixPermissions: 0o700])
        return directory
    }

    /// The project's directory, found from this file's place in it.
    static let projectDirectory = URL(fileURLWithPath: #filePath).resolvingSymlinksInPath()
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

    private static func run(_ arguments: [String]) async throws -> String {
        try await execute(projectDirectory.appending(path: "scripts/private-libvirtd.sh").path, arguments)
    }

    /// Runs a program to its end, without a thread of the cooperative pool.
    static func execute(_ program: String, _ arguments: [String]) async throws -> String {
        let output = try scratchFile()
        let errors = try scratchFile()
        defer {
            try? FileManager.default.removeItem(at: output.url)
            try? FileManager.default.removeItem(at: errors.url)
        }
        let process = Process()
        process.executableURL = URL(fileURLWithPath: program)
        process.arguments = arguments
        process.standardInput = FileHandle.nullDevice
        // Files and not pipes: a daemon that the script starts may hold its output open for ever.
        process.standardOutput = output.handle
        process.standardError = errors.handle
        let (ends, ended) = AsyncStream<Int32>.makeStream()
        process.terminationHandler = { process in
            ended.yield(process.terminationStatus)
            ended.finish()
        }
        try process.run()
        var status: Int32 = -1
        for await end in ends { status = end }
        let text = try String(contentsOf: output.url, encoding: .utf8)
        guard status == 0 else {
            let complaint = try String(contentsOf: errors.url, encoding: .utf8)
            throw ServerFailure(
                description: "\(program) \(arguments.joined(separator: " ")) ended with \(status): \(complaint)")
        }
        return text.hasSuffix("\n") ? String(text.dropLast()) : text
    }

    private static func scratchFile() throws -> (url: URL, handle: FileHandle) {
        let url = FileManager.default.temporaryDirectory.appending(path: "cw-\(UUID().uuidString)")
        guard FileManager.default.createFile(atPath: url.path, contents: nil, attributes: [.posixPermissions: 0o600])
        else { throw ServerFailure(description: "\(url.path) can't be made") }
        return (url, try FileHandle(forWritingTo: url))
    }

    /// Why a server of the tests could not be had: a failure of the test, never a reason to skip it.
    public struct ServerFailure: Error, CustomStringConvertible {
        public let description: String
    }
}
