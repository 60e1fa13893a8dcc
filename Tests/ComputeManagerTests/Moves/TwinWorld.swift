// SPDX-License-Identifier: Apache-2.0

@testable import ComputeManager
import ComputeModel
import FakeDriver
import Foundation
import ImageService
import Logging
import Synchronization
import Testing
import WorkerStore

/// Two workers, or more, with stores of their own on one cluster, whose casts and calls are handed to each other in
/// process.
final class TwinWorld: Sendable {
    static let source = "compute1"
    static let target = "compute2"
    static let third = "compute3"

    let cluster = TwinCluster()
    let crash = CrashPlan()
    let logs = LogRecorder()
    private let directory: String
    private let hosts: Mutex<[String: TwinHost]>
    private let told = Mutex<[(host: String, event: JSONObject)]>([])
    private let calls = Mutex<[String: AsyncStream<JSONValue>.Continuation]>([:])
    /// Hosts that no message reaches: no queue of theirs is there.
    private let absent = Mutex<Set<String>>([])

    /// - Parameter configure: what an operator decides on all hosts.
    init(
        _ names: [String] = [source, target],
        configure: @escaping @Sendable (inout ManagerConfiguration) -> Void = { _ in }
    ) throws {
        directory = FileManager.default.temporaryDirectory.appendingPathComponent("twins-\(UUID().uuidString)").path
        hosts = Mutex([:])
        for name in names {
            let host = TwinHost(name: name, directory: "\(directory)/\(name)", world: self, configure: configure)
            hosts.withLock { $0[name] = host }
        }
    }

    subscript(name: String) -> TwinHost {
        get throws { try #require(hosts.withLock { $0[name] }) }
    }

    private var all: [TwinHost] { hosts.withLock { $0.sorted { $0.key < $1.key }.map(\.value) } }

    /// Runs both workers around `body`.
    func run(_ body: @escaping @Sendable (TwinWorld) async throws -> Void) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            for host in all { group.addTask { try await host.live() } }
            try await body(self)
            group.cancelAll()
            try await group.waitForAll()
        }
        hosts.withLock { $0 = [:] }
        try? FileManager.default.removeItem(atPath: directory)
    }

    func remove(_ host: String) { _ = absent.withLock { $0.insert(host) } }

    /// Ends all workers as a crash does, and returns when they have begun anew.
    func restart() async throws {
        for host in all {
            let lives = host.lives
            host.kill()
            try await until { host.lives > lives }
        }
        try await idle()
    }

    /// What became of a message: journaled, kept for a worker that is down, or returned.
    func send(_ body: [UInt8], to name: String) async throws(DeliveryFailure) {
        guard !absent.withLock({ $0.contains(name) }), let host = hosts.withLock({ $0[name] }) else {
            throw .unroutable("no queue for \(name)")
        }
        await host.take(body)
    }

    func call(
        _ host: String, _ method: String, _ version: String, _ arguments: JSONObject, _ context: RequestContext
    ) async throws -> JSONValue {
        let id = RandomIdentifiers().next().hex
        var body: JSONObject = [
            "method": .string(method), "version": .string(version), "args": .object(arguments),
            "_msg_id": .string(id), "_unique_id": .string(id),
        ]
        for member in context.fields.members { body["_context_\(member.key)"] = member.value }
        let (replies, reply) = AsyncStream<JSONValue>.makeStream()
        calls.withLock { $0[id] = reply }
        defer { calls.withLock { $0[id] = nil } }
        do {
            try await send(JSONWriter.bytes(.object(body)), to: host)
        } catch {
            throw ComputeFault(.timeout, "Nobody answered \(method).")
        }
        for await answer in replies {
            if let kind = answer["failure"]?.string {
                throw ComputeFault(ComputeFault.Kind(rawValue: kind) ?? .internalError, "\(method): \(kind)")
            }
            return answer["result"] ?? .null
        }
        throw CancellationError()
    }

    func answered(_ id: String, _ answer: JSONValue) { calls.withLock { $0[id] }?.yield(answer) }

    func heard(_ event: JSONObject, from host: String) {
        told.withLock { told in
            // Sent again after a crash, under the same id.
            if told.contains(where: { $0.event["message_id"] == event["message_id"] }) { return }
            told.append((host, event))
        }
    }

    /// The events of a host without the updates, in order.
    func events(of host: String? = nil) -> [String] {
        told.withLock { $0 }.filter { host == nil || $0.host == host }.compactMap { $0.event["event_type"]?.string }
            .filter { $0 != "compute.instance.update" }.map { $0.replacing("compute.instance.", with: "") }
    }

    var allEvents: [(host: String, event: JSONObject)] { told.withLock { $0 } }

    func forgetEvents() { told.withLock { $0 = [] } }

    /// Returns when a fact holds. What it sleeps is the pace at which it looks, not a guess at how long that takes.
    func until(_ fact: () -> Bool) async throws {
        while !fact() { try await Task.sleep(for: .milliseconds(2)) }
    }

    /// Returns when nothing is unfinished, and nothing is on its way.
    func idle() async throws {
        var quiet = 0
        try await until {
            quiet = all.allSatisfy(\.isIdle) && calls.withLock(\.isEmpty) ? quiet + 1 : 0
            return quiet > 4
        }
    }

    /// Sends a request and waits for all that comes of it.
    func perform(_ method: String, on host: String, _ arguments: JSONObject) async throws {
        try await send(Self.body(method, arguments), to: host)
        try await idle()
    }

    static func body(_ method: String, _ arguments: JSONObject) -> [UInt8] {
        let id = RandomIdentifiers().next().hex
        return JSONWriter.bytes([
            "_context_timestamp": .string(SystemWallClock().now().iso),
            "method": .string(method), "version": "2.0", "args": .object(arguments), "_unique_id": .string(id),
            "_context_request_id": "req-72d24b71-bace-4717-a735-6326481b9a43", "_context_auth_token": "TOKEN-CANARY",
            "_context_is_admin": false, "_context_roles": ["Member"],
        ])
    }
}
