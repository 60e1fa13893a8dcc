// SPDX-License-Identifier: Apache-2.0

@testable import ComputeService
import ComputeManager
import ComputeModel
import Foundation
import Glibc
import Logging
import Synchronization
import Testing
import WorkerStore

/// The control socket with clients of every manner, in one process.
@Suite(.timeLimit(.minutes(2)))
struct ControlSocketTests {
    private static let status = WorkerStatus(
        host: "one", processID: 7, isReady: false, reasons: ["the broker is gone"], warnings: [],
        hypervisorOutage: HypervisorOutage(Timestamp(microseconds: 500_000), "no socket"),
        since: Timestamp(microseconds: 1_000_000), running: 1, waiting: 2, outbox: 3, quarantined: ["instance of x: damaged"],
        resources: HostShares(
            total: ClaimAmounts(vcpus: 8, memoryMiB: 8192, diskGiB: 100),
            claimed: ClaimAmounts(vcpus: 2, memoryMiB: 1024, diskGiB: 10)))
    private static let operation = RunningOperation(
        id: JournalID(5), method: "run_instance", instance: InstanceID(bits: UniqueBits(high: 1, low: 2)),
        requestID: "req-1", begunAt: Timestamp(microseconds: 2_000_000), isResumed: true, isEnding: false,
        progress: 70)

    private static let tasks = [
        PeriodicTaskStatus(
            name: "update_available_resource", option: "update_resources_interval", interval: .seconds(60),
            state: .waiting,
            last: PeriodicTaskStatus.Run(
                begunAt: Timestamp(microseconds: 3_000_000), duration: .milliseconds(250), outcome: .failed,
                words: "the hypervisor is away"),
            nextAt: Timestamp(microseconds: 63_000_000), runs: 7, failures: 1),
        PeriodicTaskStatus(
            name: "report_state", option: "report_interval", interval: .seconds(10),
            state: .running(since: Timestamp(microseconds: 5_000_000)), runs: 3),
        PeriodicTaskStatus(
            name: "poll_rescued_instances", option: "rescue_timeout", interval: nil,
            state: .off("the driver has no unrescue")),
    ]

    /// Answers by rote; a cancel of 99 never.
    private struct Rote: ControlHandler {
        func answer(_ request: ControlRequest) async -> ControlAnswer {
            switch request {
            case .status: return .status(ControlSocketTests.status)
            case .tasks: return .tasks(ControlSocketTests.tasks)
            case .operations: return .operations([ControlSocketTests.operation])
            case .operation(let id): return .operation(id == JournalID(5) ? ControlSocketTests.operation : nil)
            case .cancel(JournalID(99)):
                let (never, end) = AsyncStream<Never>.makeStream()
                defer { end.finish() }
                for await _ in never {}
                return .cancelled(.ended)
            case .cancel: return .cancelled(CancelOutcome.notCancellable("it has begun"))
            }
        }
    }

    /// Runs a server in a directory of its own while `body` runs.
    private static func serving(
        _ limits: ControlLoop.Limits = ControlLoop.Limits(), afterDeadWorker: Bool = false,
        _ body: (String) async throws -> Void
    ) async throws {
        let directory = FileManager.default.temporaryDirectory.appending(path: "cs-\(UUID().uuidString.prefix(8))").path
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: directory) }
        let path = ControlSocket.path(inStateDirectory: directory)
        if afterDeadWorker { close(try ControlSocket.listen(at: path)) }
        let server = ControlServer(
            path: path, handler: Rote(), logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() },
            limits: limits)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { await server.run() }
            defer { group.cancelAll() }
            try await body(path)
        }
        #expect(!FileManager.default.fileExists(atPath: path), "the socket's file is left")
    }

    /// Asks as soon as the server listens.
    private static func ask(_ request: ControlRequest, _ path: String) async throws -> ControlAnswer {
        while true {
            do {
                return try await ControlClient.ask(request, at: path, within: .seconds(20))
            } catch {
                guard error.code == .noWorker else { throw error }
                await Task.yield()
            }
        }
    }

    @Test("Every request has its answer, and both read as they were written")
    func answers() async throws {
        try await Self.serving { path in
            let refused = CancelOutcome.notCancellable("it has begun")
            let dialogue: [(ControlRequest, ControlAnswer)] = [
                (.status, .status(Self.status)), (.tasks, .tasks(Self.tasks)),
                (.operations, .operations([Self.operation])),
                (.operation(JournalID(5)), .operation(Self.operation)), (.operation(JournalID(6)), .operation(nil)),
                (.cancel(JournalID(5)), .cancelled(refused)),
            ]
            for (request, expected) in dialogue {
                let answer = try await Self.ask(request, path)
                #expect(answer == expected)
            }
        }
    }

    @Test("The socket is its owner's alone, and takes the place of one that a dead worker left")
    func file() async throws {
        try await Self.serving(afterDeadWorker: true) { path in
            _ = try await Self.ask(.status, path)
            let mode = try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int
            #expect(mode == 0o600)
        }
    }

    @Test("What is no socket is left alone")
    func noSocket() throws {
        let path = FileManager.default.temporaryDirectory.appending(path: "file-\(UUID().uuidString)").path
        try Data("mine".utf8).write(to: URL(filePath: path))
        defer { try? FileManager.default.removeItem(atPath: path) }
        #expect(throws: ControlFault.self) { try ControlSocket.listen(at: path) }
        #expect(try String(contentsOfFile: path, encoding: .utf8) == "mine")
    }

    @Test("A path that no socket takes is refused with its length")
    func longPath() async throws {
        let path = "/tmp/" + String(repeating: "x", count: 200) + "/control.sock"
        let fault = #expect(throws: ControlFault.self) { try ControlSocket.listen(at: path) }
        #expect(fault?.message.contains("has 218 bytes") == true && fault?.message.contains("state_path") == true)
        await #expect(throws: try #require(fault)) { try await ControlClient.ask(.status, at: path, within: .seconds(5)) }
    }

    @Test("Where nobody listens, a client hears that")
    func nobody() async throws {
        await #expect {
            try await ControlClient.ask(.status, at: "/tmp/no-such-\(UUID().uuidString)", within: .seconds(5))
        } throws: { ($0 as? ControlFault)?.code == .noWorker }
    }

    @Test("A request that can't be read is refused, an endless one is cut off, and others are served meanwhile")
    func brokenClients() async throws {
        try await Self.serving { path in
            _ = try await Self.ask(.status, path)
            for text in ["\n", "[]\n", "{\"request\": \"ops.cancel\"}\n", "{\"request\": 5}\n", "\u{0}\u{1}\n"] {
                let client = try RawClient(path)
                client.send(text)
                let answer = try JSONParser.parse(client.readAll())
                #expect(answer["error"]?["code"] == "malformed", "\(text)")
            }
            let endless = try RawClient(path)
            let one = String(repeating: "x", count: 1000)
            for _ in 0..<5 { endless.send(one) }
            #expect(endless.readAll() == [], "more than a request is cut off")
            let gone = try RawClient(path)
            gone.send("{\"request\": \"ops.cancel\", \"id\": 99}\n")
            gone.close()
            let status = try await Self.ask(.status, path)
            #expect(status == .status(Self.status))
        }
    }

    @Test("Clients that say nothing, or wait for ever, take the places of others for a bounded time only")
    func slowClients() async throws {
        var limits = ControlLoop.Limits()
        limits.clients = 2
        // Long enough for a client that does speak, on a machine that has much to do.
        limits.patience = .seconds(2)
        limits.work = .seconds(2)
        try await Self.serving(limits) { path in
            _ = try await Self.ask(.status, path)
            let silent = try RawClient(path)
            let patient = try RawClient(path)
            patient.send("{\"request\": \"ops.cancel\", \"id\": 99}\n")
            // Both places are taken; this one is served when they are free.
            let status = try await Self.ask(.status, path)
            #expect(status == .status(Self.status))
            #expect(silent.readAll() == [])
            #expect(patient.readAll() == [])
        }
    }
}

/// A client that says what it likes.
private struct RawClient {
    private let socket: Int32

    init(_ path: String) throws {
        socket = try ControlSocket.connect(to: path)
        _ = fcntl(socket, F_SETFL, 0)
    }

    func send(_ text: String) {
        let bytes = Array(text.utf8)
        _ = Glibc.send(socket, bytes, bytes.count, Int32(MSG_NOSIGNAL))
    }

    /// What comes until the server ends the conversation.
    func readAll() -> [UInt8] {
        defer { close() }
        var all: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 4096)
        while true {
            let count = read(socket, &buffer, buffer.count)
            guard count > 0 else { return all }
            all += buffer[..<count]
        }
    }

    func close() { _ = Glibc.close(socket) }
}
