// SPDX-License-Identifier: Apache-2.0

import Libvirt
import Synchronization
import TestSupport
import Testing

@Suite("A supervised connection, on a libvirtd of our own", .timeLimit(.minutes(5)))
struct ConnectionSupervisorTests {
    private final class Log: Sendable {
        private let entries = Mutex<[ConnectionSupervisor.Event]>([])
        func add(_ event: ConnectionSupervisor.Event) { entries.withLock { $0.append(event) } }
        var connects: Int { count { if case .connected = $0 { true } else { false } } }
        var losses: Int { count { if case .disconnected = $0 { true } else { false } } }
        func lifecycles(_ kind: DomainEvent.Kind) -> Int {
            count { if case .lifecycle(let event) = $0 { event.kind == kind } else { false } }
        }
        private func count(_ matches: (ConnectionSupervisor.Event) -> Bool) -> Int {
            entries.withLock { $0.count(where: matches) }
        }
    }

    private func xml(_ number: Int) -> String {
        """
        <domain type='qemu'><name>supervised-\(number)</name><memory unit='MiB'>16</memory>
        <os><type arch='x86_64'>hvm</type></os></domain>
        """
    }

    private func supervising(
        _ uri: String, _ log: Log, _ body: (ConnectionSupervisor) async throws -> Void
    ) async throws {
        let supervisor = ConnectionSupervisor(
            configuration: ConnectionConfiguration(uri: uri), lanes: CallLanes(),
            backOff: .init(initial: .milliseconds(50), maximum: .milliseconds(200))
        ) { log.add($0) }
        try await withThrowingTaskGroup(of: Void.self) { group async throws in
            group.addTask { await supervisor.run() }
            defer { group.cancelAll() }
            try await body(supervisor)
        }
    }

    @Test("comes back by itself when libvirtd was restarted, and hears events again")
    func restart() async throws {
        try await LibvirtServer.withServer { server in
            let log = Log()
            try await supervising(server.uri, log) { supervisor in
                #expect(try await eventually { log.connects == 1 })
                _ = try await supervisor.connection().define(xml(1))
                #expect(try await eventually { log.lifecycles(.defined) == 1 })
                for round in 1...2 {
                    try await server.restart()
                    #expect(try await eventually { log.connects == 1 + round && log.losses >= round })
                    _ = try await supervisor.connection().define(xml(1 + round))
                    #expect(try await eventually { log.lifecycles(.defined) == 1 + round })
                }
                #expect(try await supervisor.connection().domains().count == 3)
                #expect(try await server.virsh("list", "--all", "--name").split(separator: "\n").count == 3)
            }
        }
    }

    @Test("fails calls with a retriable error while libvirtd is away, and works when it is back")
    func away() async throws {
        try await LibvirtServer.withServer { server in
            let log = Log()
            try await supervising(server.uri, log) { supervisor in
                #expect(try await eventually { log.connects == 1 })
                try await server.kill()
                #expect(try await eventually { log.losses >= 1 })
                #expect(throws: LibvirtError.self) { try supervisor.connection() }
                do throws(LibvirtError) {
                    _ = try supervisor.connection()
                } catch {
                    #expect(error.kind == .disconnected)
                    #expect(error.isRetriable)
                    #expect(error.message.contains(server.uri))
                }
                try await server.resume()
                #expect(try await eventually { log.connects == 2 })
                #expect(try await supervisor.connection().domains().isEmpty)
            }
        }
    }

    @Test("does not need libvirtd at the start")
    func absentAtStart() async throws {
        try await LibvirtServer.withServer { server in
            try await server.kill()
            let log = Log()
            try await supervising(server.uri, log) { supervisor in
                #expect(try await eventually { log.losses >= 2 })
                try await server.resume()
                #expect(try await eventually { log.connects == 1 })
                #expect(try await supervisor.connection().hypervisorType() == "QEMU")
            }
        }
    }

    @Test("ends when its task is cancelled")
    func cancellation() async throws {
        let supervisor = ConnectionSupervisor(
            configuration: ConnectionConfiguration(uri: "qemu+unix:///system?socket=/nonexistent/libvirt-sock"),
            lanes: CallLanes()
        ) { _ in }
        let task = Task { await supervisor.run() }
        task.cancel()
        await task.value
        #expect(throws: LibvirtError.self) { try supervisor.connection() }
    }
}
