// SPDX-License-Identifier: Apache-2.0

import AMQP
import ComputeModel
import OsloMessaging
import TestSupport
import Testing

@Suite("One worker serves a host, and the others learn which", .timeLimit(.minutes(2)))
struct HostClaimTests {
    private struct Worker: Sendable {
        let place: Place
        let proxy: FaultyProxy
        let server: RPCServer
        let publisher: WirePublisher
        let identity: HostHolder
        let claim: HostClaim

        init(_ place: Place, process: Int32) async throws {
            self.place = place
            proxy = try FaultyProxy(before: try await SharedBroker.server.port)
            var configuration = place.configuration
            configuration.endpoints[0].port = proxy.port
            configuration.heartbeat = .seconds(1)
            server = RPCServer(
                configuration: configuration, topology: place.topology, topic: place.topic, server: "one",
                holdsHost: true, logger: quiet)
            publisher = WirePublisher(configuration: configuration, topology: place.topology, logger: quiet)
            identity = HostHolder(
                id: RandomIdentifiers().next(), machine: "machine-\(process)", processID: process,
                since: Timestamp(microseconds: 1_700_000_000_000_000), statePath: "/var/lib/nova")
            claim = HostClaim(
                topic: place.topic, host: "one", server: server, publisher: publisher, configuration: configuration,
                identity: identity, logger: quiet)
        }

        /// Runs until its claim ends.
        func refusal() async throws -> HostHeld? {
            try await with(server, publisher) {
                do throws(HostHeld) {
                    try await claim.run()
                    return nil
                } catch {
                    return error
                }
            }
        }

        func run(_ body: @Sendable @escaping () async throws -> Void) async throws {
            try await with(server, publisher) {
                try await withThrowingTaskGroup(of: Void.self) { group in
                    defer { group.cancelAll() }
                    group.addTask { try await claim.run() }
                    try await body()
                }
            }
        }
    }

    @Test("A second worker refuses to serve at once, and names the first, which serves on")
    func second() async throws {
        let place = try await Place()
        let (first, second) = (try await Worker(place, process: 4711), try await Worker(place, process: 4712))
        let client = place.client(.enveloped)
        try await first.run {
            try await first.server.states.ready()
            let began = ContinuousClock.now
            let held = try #require(try await second.refusal())
            #expect(ContinuousClock.now - began < .seconds(5))
            #expect(held.holder == first.identity)
            #expect("\(held)".contains("process 4711 on machine-4711, since 2023-11-14 22:13:20"), "\(held)")
            #expect("\(held)".contains("/var/lib/nova"))
            #expect(second.server.statistics.connections == 0, "it never consumed")
            // What is sent to the host goes to the first.
            try await with(client) {
                for _ in 0..<4 {
                    try await client.cast(
                        OutgoingRequest(method: "m", version: "2.0", context: .test),
                        to: .server(topic: place.topic, server: "one"), isMandatory: true)
                }
                first.server.acknowledge(try await first.server.take(4).map(\.tag))
            }
            #expect(first.server.statistics.connections == 1)
        }
    }

    @Test("A holder that does not answer is told so")
    func deadLocked() async throws {
        let place = try await Place()
        let (first, second) = (try await Worker(place, process: 1), try await Worker(place, process: 2))
        // The first consumes, and nobody reads what comes: its claim does not run.
        try await with(first.server, first.publisher) {
            try await first.server.states.ready()
            let began = ContinuousClock.now
            let held = try #require(try await second.refusal())
            #expect(ContinuousClock.now - began < .seconds(10))
            #expect(held.holder == nil && "\(held)".contains("does not answer"))
        }
    }

    @Test("A worker that follows one that has just ended serves after a moment")
    func successor() async throws {
        let place = try await Place()
        let (first, second) = (try await Worker(place, process: 1), try await Worker(place, process: 2))
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                // It ends when the second has met the lock.
                try await with(first.server, first.publisher) {
                    for await case .lost(let error, retryIn: _) in second.server.states
                    where error.code == .queueLocked { break }
                }
            }
            try await first.server.states.ready()
            try await second.run { try await second.server.states.ready() }
            try await group.waitForAll()
        }
        #expect(second.server.statistics.connections == 1)
    }

    @Test("After a loss of connection it waits for its own last one to be given up, and serves again without an end")
    func ownLastConnection() async throws {
        let place = try await Place()
        let worker = try await Worker(place, process: 1)
        try await worker.run {
            try await worker.server.states.ready()
            let states = worker.server.states
            // The old connection is cut off without a word, so that the broker keeps it for two heartbeats; the new
            // ones pass, because only what was made before falls into the hole.
            worker.proxy.set(.orphaned)
            var sawLock = false
            for await state in states {
                if case .lost(let error, retryIn: _) = state, error.code == .queueLocked { sawLock = true }
                if case .ready = state, worker.server.statistics.connections == 2 { break }
            }
            #expect(sawLock)
            #expect(worker.claim.rival == nil)
        }
    }

    @Test("A worker that was replaced while cut off does not consume, knows who serves, and takes over when it stops")
    func replaced() async throws {
        let place = try await Place()
        let (first, second) = (try await Worker(place, process: 1), try await Worker(place, process: 2))
        try await first.run {
            try await first.server.states.ready()
            // The way is closed to the first, and the broker has ended its connection.
            first.proxy.close()
            try await second.run {
                try await second.server.states.ready()
                let other = try FaultyProxy(before: try await SharedBroker.server.port, on: first.proxy.port)
                try await eventually("the first knows who serves") { first.claim.rival == second.identity }
                #expect(first.server.statistics.connections == 1)
                _ = other
            }
            let again = try FaultyProxy(before: try await SharedBroker.server.port, on: first.proxy.port)
            try await eventually("the first serves again") { first.server.state.isUp }
            #expect(first.claim.rival == nil)
            again.close()
        }
    }
}
