// SPDX-License-Identifier: Apache-2.0

import Foundation
import Synchronization
import TestSupport
import Testing

/// What all of these tests share: one broker with a virtual host for each test, and one Python.
final class Servers: Sendable {
    @TaskLocal static var current: Servers?

    /// Virtual hosts that are made at once, because each call of rabbitmqctl takes a second.
    private static let virtualHosts = 90
    /// Tests that run side by side: each has several processes, and a small machine two cores.
    private static let width = 4

    let broker: RabbitMQServer
    let python: URL
    let gate = Gate(width: width)
    private let taken = Mutex(0)

    private init(broker: RabbitMQServer, python: URL) {
        self.broker = broker
        self.python = python
    }

    static func start() async throws -> Servers {
        async let python = PythonClient.interpreter()
        let broker = try await RabbitMQServer.start()
        try await broker.makeVirtualHosts((1...virtualHosts).map { "t\($0)" })
        return Servers(broker: broker, python: try await python)
    }

    /// A virtual host that no other test has.
    func virtualHost() throws -> String {
        let number = taken.withLock { taken in
            taken += 1
            return taken
        }
        try #require(number <= Self.virtualHosts, "make more virtual hosts")
        return "t\(number)"
    }
}

extension RabbitMQServer {
    /// Makes virtual hosts that guest may use, all in one call.
    func makeVirtualHosts(_ names: [String]) async throws {
        let list = names.map { "<<\"\($0)\">>" }.joined(separator: ",")
        let all = "<<\".*\">>, <<\".*\">>, <<\".*\">>"
        try await control(
            "eval",
            "lists:foreach(fun(N) -> rabbit_vhost:add(N, <<\"tests\">>), "
                + "rabbit_auth_backend_internal:set_permissions(<<\"guest\">>, N, \(all), <<\"tests\">>) "
                + "end, [\(list)])."
        )
    }
}

/// Lets so many in at once.
actor Gate {
    private var free: Int
    private var waiting: [CheckedContinuation<Void, Never>] = []

    init(width: Int) { free = width }

    func enter() async {
        if free > 0 {
            free -= 1
        } else {
            await withCheckedContinuation { waiting.append($0) }
        }
    }

    func leave() {
        if waiting.isEmpty {
            free += 1
        } else {
            waiting.removeFirst().resume()
        }
    }
}

/// Starts the shared servers before the first of a suite's tests and ends them after the last.
struct ServersTrait: SuiteTrait, TestScoping {
    func provideScope(
        for test: Test, testCase: Test.Case?, performing function: @Sendable () async throws -> Void
    ) async throws {
        let servers = try await Servers.start()
        do {
            try await Servers.$current.withValue(servers) { try await function() }
        } catch {
            await servers.broker.shutDown()
            throw error
        }
        await servers.broker.shutDown()
    }
}

extension Trait where Self == ServersTrait {
    static var servers: ServersTrait { ServersTrait() }
}

/// The tests of the real program, from outside: a real broker, real clients, and where it says so real guests.
@Suite(.servers) struct Program {}
