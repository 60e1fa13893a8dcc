// SPDX-License-Identifier: Apache-2.0

import ComputeModel
import Foundation
import Glibc
import Synchronization
import TestSupport
import Testing

/// One test's own place: a virtual host, a directory, and the processes that it starts, ended with it.
final class Bench: Sendable {
    let servers: Servers
    /// The broker as this test's processes see it.
    let url: String
    let virtualHost: String
    let directory: URL
    private let workers = Mutex<[WorkerProcess]>([])
    private let clients = Mutex<[PythonClient]>([])

    private init(_ servers: Servers, _ own: RabbitMQServer?) async throws {
        self.servers = servers
        if let own {
            virtualHost = "own"
            try await own.makeVirtualHosts([virtualHost])
        } else {
            virtualHost = try servers.virtualHost()
        }
        url = (own ?? servers.broker).url() + virtualHost
        directory = FileManager.default.temporaryDirectory.appending(
            path: "worker-tests-\(UUID().uuidString.prefix(8))")
        try FileManager.default.createDirectory(
            at: directory, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
    }

    /// Runs a test's body when there is room for it, and clears up after it.
    ///
    /// - Parameter own: a broker of the test's own, where it does to it what others could not bear.
    static func with<Result>(
        own: RabbitMQServer? = nil, isolation: isolated (any Actor)? = #isolation,
        _ body: (Bench) async throws -> Result
    ) async throws -> Result {
        let servers = try #require(Servers.current)
        await servers.gate.enter()
        do {
            let bench = try await Bench(servers, own)
            do {
                let result = try await body(bench)
                await bench.clear()
                await servers.gate.leave()
                return result
            } catch {
                bench.tellLogs(of: error)
                await bench.clear()
                throw error
            }
        } catch {
            await servers.gate.leave()
            throw error
        }
    }

    private func tellLogs(of error: any Error) {
        for worker in workers.withLock({ $0 }) {
            let story = worker.log.lines.filter { !$0.contains(" DEBUG ") }.suffix(40).joined(separator: "\n")
            Issue.record("after \(error), the log of \(worker.settings.host):\n\(story)")
        }
    }

    private func clear() async {
        for client in clients.withLock({ $0 }) { client.process.kill(SIGKILL) }
        for worker in workers.withLock({ $0 }) { worker.kill(SIGKILL) }
        for client in clients.withLock({ $0 }) { _ = try? await client.process.wait(within: .seconds(10)) }
        for worker in workers.withLock({ $0 }) { _ = try? await worker.wait(within: .seconds(10)) }
        try? FileManager.default.removeItem(at: directory)
    }

    // MARK: Workers

    func settings(_ host: String = "one") -> WorkerProcess.Settings {
        WorkerProcess.Settings(host: host, transportURL: url)
    }

    /// A worker that is ready.
    func worker(_ settings: WorkerProcess.Settings) async throws -> WorkerProcess {
        let worker = try launch(settings)
        guard await worker.isReady() else {
            throw ChildProcess.Failure("the worker \(settings.host) is not ready: \(worker.log.text(last: 30))")
        }
        return worker
    }

    func worker(_ host: String = "one") async throws -> WorkerProcess { try await worker(settings(host)) }

    func launch(_ settings: WorkerProcess.Settings) throws -> WorkerProcess {
        let worker = try WorkerProcess.launch(settings, in: directory.appending(path: settings.host))
        workers.withLock { $0.append(worker) }
        return worker
    }

    /// The next process of a worker that has ended.
    func again(_ worker: WorkerProcess) async throws -> WorkerProcess { try await self.worker(worker.settings) }

    // MARK: Clients

    func client(_ script: String, _ arguments: [String] = []) async throws -> PythonClient {
        let client = try await PythonClient(script, [url] + arguments, python: servers.python)
        clients.withLock { $0.append(client) }
        return client
    }

    func probe() async throws -> Probe { Probe(client: try await client("probe.py")) }
    func oslo(_ arguments: String...) async throws -> Caller {
        Caller(client: try await client("oslo_client.py", arguments))
    }
    func kombu(_ arguments: String...) async throws -> Caller {
        Caller(client: try await client("kombu_folsom.py", arguments))
    }
}

extension PythonClient {
    func ask(_ command: JSONValue, within limit: Duration = .seconds(90)) async throws -> JSONValue {
        let answer = try JSONParser.parse(try await ask(JSONWriter.text(command), within: limit))
        return answer
    }
}

/// A caller of the worker: oslo.messaging's, or Folsom's over kombu.
struct Caller: Sendable {
    let client: PythonClient

    @discardableResult
    func ask(_ command: JSONValue) async throws -> JSONValue { try await client.ask(command) }

    /// A cast that must have been sent.
    func cast(_ command: JSONObject) async throws {
        var command = command
        command["kind"] = "cast"
        let answer = try await client.ask(.object(command))
        try #require(answer["sent"] != nil, "not sent: \(JSONWriter.text(answer))")
    }

    /// A cast with recorded arguments, by oslo.messaging, to a host or to any.
    func cast(
        _ method: String, _ instance: String, to host: String?, image: String? = nil, extra: JSONObject = JSONObject()
    ) async throws {
        try await cast([
            "method": .string(method), "server": JSONValue(host), "prepared": prepared(instance, host, image, extra),
        ])
    }

    /// A call with recorded arguments, by oslo.messaging.
    func call(
        _ method: String, _ instance: String, to host: String?, extra: JSONObject = JSONObject(),
        more: JSONObject = JSONObject()
    ) async throws -> JSONValue {
        var command: JSONObject = [
            "kind": "call", "method": .string(method), "server": JSONValue(host),
            "prepared": prepared(instance, host, nil, extra),
        ]
        for member in more.members { command[member.key] = member.value }
        return try await client.ask(.object(command))
    }

    private func prepared(_ instance: String, _ host: String?, _ image: String?, _ extra: JSONObject) -> JSONValue {
        var prepared: JSONObject = ["uuid": .string(instance), "host": JSONValue(host), "extra": .object(extra)]
        if let image { prepared["image_id"] = .string(image) }
        return .object(prepared)
    }
}
