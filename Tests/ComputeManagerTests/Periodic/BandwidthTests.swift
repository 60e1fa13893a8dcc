// SPDX-License-Identifier: Apache-2.0

import ComputeDriver
import ComputeModel
import FakeDriver
import Testing
import WorkerStore

@testable import ComputeManager

@Suite("What went through the instances' interfaces", .timeLimit(.minutes(1)))
struct BandwidthTests {
    private let id = InstanceID(bits: Requests.instanceID)
    private static let morning = "2026-11-23T10:10:00.000000"

    private func fixture() throws -> ManagerFixture {
        try ManagerFixture {
            $0.auditPeriod = UsageAuditPeriod(.hour)
            $0.periodic = PeriodicConfiguration()
            $0.periodic?.usageAudit = true
        }
    }

    private func told(_ fixture: ManagerFixture, _ type: String = "exists") async throws -> JSONValue? {
        try await fixture.events().last { $0["event_type"] == .string("compute.instance.\(type)") }?["payload"]?[
            "bandwidth"]
    }

    private func usage(_ fixture: ManagerFixture, of beginning: String) async throws -> JSONObject {
        let found = try await fixture.store.read { [id] in try $0.instance(id) }
        let row = try #require(found)
        return BandwidthUsage(of: row).told(inPeriod: try #require(Timestamp(beginning)))
    }

    @Test("Bytes are told by the network's label, each in its period, also of an instance that was deleted")
    func periods() async throws {
        let fixture = try fixture()
        let clock = SetWallClock()
        clock.set(try #require(Timestamp(Self.morning)))
        try await fixture.run(wallClock: clock, peers: FakePeers().peers) { manager in
            let surroundings = manager.surroundings(fixture.configuration.periodic ?? PeriodicConfiguration())
            let (poll, audit) = (BandwidthPoll(surroundings: surroundings), UsageAudit(surroundings: surroundings))
            #expect(poll.obstacle == nil && poll.interval == .seconds(600))
            #expect(try await poll.run().count == 0)
            try await fixture.perform(manager, Requests.run())
            fixture.driver.outsideTraffic(of: id, received: .kib(1), sent: .kib(1))
            #expect(try await poll.run().count == 1)
            #expect(try await poll.run().count == 0)
            // 4 and 2 KiB went through at the start.
            let first: JSONValue = ["private": ["bw_in": 5120, "bw_out": 3072]]
            #expect(try await usage(fixture, of: "2026-11-23T10:00:00.000000") == first.object)

            clock.set(try #require(Timestamp("2026-11-23T11:05:00.000000")))
            fixture.driver.outsideTraffic(of: id, received: .kib(8), sent: .zero)
            #expect(try await poll.run().count == 1)
            #expect(try await audit.run().count == 1)
            #expect(try await told(fixture) == first)

            try await fixture.perform(manager, Requests.of(Requests.id, "terminate_instance"))
            let second: JSONValue = ["private": ["bw_in": 8192, "bw_out": 0]]
            #expect(try await told(fixture, "update") == second)
            clock.set(try #require(Timestamp("2026-11-23T12:05:00.000000")))
            #expect(try await audit.run().count == 1)
            #expect(try await told(fixture) == second)
        }
        await fixture.close()
    }

    @Test("Counters that begin anew are counted on, also where they have passed their old values already")
    func restarts() async throws {
        let fixture = try fixture()
        let clock = SetWallClock()
        clock.set(try #require(Timestamp(Self.morning)))
        try await fixture.run(wallClock: clock, peers: FakePeers().peers) { manager async throws in
            let poll = BandwidthPoll(surroundings: manager.surroundings(PeriodicConfiguration()))
            _ = try await poll.run()
            try await fixture.perform(manager, Requests.run())
            _ = try await poll.run()
            try await fixture.perform(manager, Requests.of(Requests.id, "reboot_instance", ["reboot_type": "HARD"]))
            fixture.driver.outsideTraffic(of: id, received: .mib(1), sent: .mib(1))
            _ = try await poll.run()
            try await fixture.perform(manager, Requests.of(Requests.id, "stop_instance"))
            #expect(try await poll.run().count == 0)
            try await fixture.perform(manager, Requests.of(Requests.id, "start_instance"))
            _ = try await poll.run()
        }
        // The next worker finds all of it and counts nothing twice.
        try await fixture.run(wallClock: clock, peers: FakePeers().peers) { manager async throws in
            let poll = BandwidthPoll(surroundings: manager.surroundings(PeriodicConfiguration()))
            #expect(try await poll.run().count == 0)
            fixture.driver.outsideTraffic(of: id, received: .kib(1), sent: .zero)
            #expect(try await poll.run().count == 1)
        }
        let used: JSONObject = [
            "private": ["bw_in": JSONValue(3 * 4096 + 1024 * 1025), "bw_out": JSONValue(3 * 2048 + 1024 * 1024)]
        ]
        #expect(try await usage(fixture, of: "2026-11-23T10:00:00.000000") == used)
        await fixture.close()
    }

    @Test("What ran before the worker read it brings no bytes of other times; one that does not answer stops no other")
    func foreign() async throws {
        // Without a worker's own readings, the first of which begins with the worker.
        let fixture = try ManagerFixture { $0.auditPeriod = UsageAuditPeriod(.hour) }
        let clock = SetWallClock()
        clock.set(try #require(Timestamp(Self.morning)))
        try await fixture.run(wallClock: clock, peers: FakePeers().peers) { manager async throws in
            let poll = BandwidthPoll(surroundings: manager.surroundings(PeriodicConfiguration()))
            let other = "00000000-0000-4000-8000-000000000001"
            for uuid in [other, Requests.id] { try await fixture.perform(manager, Requests.run(uuid)) }
            clock.advance(bySeconds: 60)
            fixture.driver.outsideTraffic(of: id, received: .mib(1), sent: .mib(1))
            #expect(try await poll.run().count == 2)
            let none: JSONObject = ["private": ["bw_in": 0, "bw_out": 0]]
            #expect(try await usage(fixture, of: "2026-11-23T10:00:00.000000") == none)
            fixture.driver.outsideTraffic(of: id, received: .kib(1), sent: .zero)
            fixture.driver.outsideSilence(of: try #require(InstanceID(other)))
            await #expect(throws: ComputeFault.self) { try await poll.run() }
            let one: JSONObject = ["private": ["bw_in": 1024, "bw_out": 0]]
            #expect(try await usage(fixture, of: "2026-11-23T10:00:00.000000") == one)
        }
        await fixture.close()
    }

    @Test("Where the driver has no counters, or nobody hears of them, nobody reads them, and the list says so")
    func off() async throws {
        let fixture = try ManagerFixture { $0.periodic = PeriodicConfiguration() }
        try await fixture.run(plain: true) { manager in
            await fixture.clock.sleeper(for: .seconds(10))
            let status = try #require(manager.periodicTasks.first { $0.name == "poll_bandwidth_usage" })
            #expect(status.state == .off("the driver has no get_all_bw_usage") && status.runs == 0)
        }
        await fixture.close()
    }
}
