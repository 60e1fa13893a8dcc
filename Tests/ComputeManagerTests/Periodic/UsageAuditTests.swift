// SPDX-License-Identifier: Apache-2.0

import ComputeModel
import FakeDriver
import Testing
import WorkerStore

@testable import ComputeManager

@Suite("The usage audit", .timeLimit(.minutes(1)))
struct UsageAuditTests {
    private static func uuid(_ number: Int) -> String { "00000000-0000-4000-8000-\(String(100_000_000_000 + number))" }

    private static let noon = Timestamp("2026-11-23T12:30:00.000000") ?? Timestamp(microseconds: 0)

    private func fixture() throws -> ManagerFixture {
        try ManagerFixture {
            $0.auditPeriod = UsageAuditPeriod(.hour)
            $0.periodic = PeriodicConfiguration()
            $0.periodic?.usageAudit = true
        }
    }

    /// Rows as builds of that moment left them.
    private func fill(_ fixture: ManagerFixture, _ count: Int, launched: String) async throws {
        try await fixture.store.write { transaction in
            for number in 0..<count {
                var fields = Requests.instance
                fields["uuid"] = .string(Self.uuid(number))
                fields["host"] = .string(ManagerFixture.host)
                fields["vm_state"] = "active"
                fields["task_state"] = nil
                fields["launched_at"] = .string(launched)
                try transaction.save(try Instance(fields: fields))
            }
        }
    }

    private func exists(_ fixture: ManagerFixture) async throws -> [JSONObject] {
        try await fixture.events().filter { $0["event_type"] == "compute.instance.exists" }
            .compactMap { $0["payload"]?.object }
    }

    @Test("Each instance that was used in the last period is told of once, one that was deleted in it included")
    func told() async throws {
        let fixture = try fixture()
        let clock = SetWallClock()
        clock.set(try #require(Timestamp("2026-11-23T10:10:00.000000")))
        try await fixture.run(wallClock: clock) { manager in
            try await fixture.perform(manager, Requests.run(Self.uuid(0)))
            try await fixture.perform(manager, Requests.run(Self.uuid(1)))
            clock.set(try #require(Timestamp("2026-11-23T11:20:00.000000")))
            try await fixture.perform(manager, Requests.of(Self.uuid(1), "terminate_instance"))
            clock.set(try #require(Timestamp("2026-11-23T12:01:00.000000")))
            try await fixture.perform(manager, Requests.run(Self.uuid(2)))
            clock.set(Self.noon)
            var configuration = PeriodicConfiguration()
            configuration.usageAudit = true
            let task = UsageAudit(surroundings: manager.surroundings(configuration))
            #expect(try await task.run().count == 2)
            let payloads = try await exists(fixture)
            #expect(payloads.map { $0["instance_id"]?.string } == [Self.uuid(0), Self.uuid(1)])
            #expect(payloads.map { $0["state"]?.string } == ["active", "deleted"])
            for payload in payloads {
                #expect(payload["audit_period_beginning"] == "2026-11-23 11:00:00.000000")
                #expect(payload["audit_period_ending"] == "2026-11-23 12:00:00.000000")
                #expect(payload["bandwidth"] == [:])
            }
            #expect(try await task.run().count == 0)
            // A clock that goes back tells nothing twice; the next period is told without what is gone.
            clock.set(try #require(Timestamp("2026-11-23T11:59:00.000000")))
            #expect(try await task.run().count == 0)
            clock.set(try #require(Timestamp("2026-11-23T13:00:01.000000")))
            #expect(try await task.run().count == 2)
            let next = try await exists(fixture).suffix(2).map { $0["instance_id"]?.string }
            #expect(next == [Self.uuid(0), Self.uuid(2)])
        }
        await fixture.close()
    }

    @Test("A worker that dies in the middle of telling goes on behind what it has told")
    func crash() async throws {
        let fixture = try fixture()
        try await fill(fixture, 120, launched: "2026-11-23T09:00:00.000000")
        // What the dead worker's first commit left: fifty are told.
        let end = try #require(Timestamp("2026-11-23T12:00:00.000000"))
        try await fixture.store.write {
            try $0.setMark(UsageAudit.mark, "\(end.microseconds) \(Self.uuid(49))")
        }
        let clock = SetWallClock()
        clock.set(Self.noon)
        let task = UsageAudit(surroundings: fixture.makeManager(wallClock: clock).surroundings(audit))
        #expect(try await task.run().count == 70)
        #expect(try await exists(fixture).compactMap { $0["instance_id"]?.string } == (50..<120).map(Self.uuid))
        let again = UsageAudit(surroundings: fixture.makeManager(wallClock: clock).surroundings(audit))
        #expect(try await again.run().count == 0)
        await fixture.close()
    }

    private var audit: PeriodicConfiguration {
        var configuration = PeriodicConfiguration()
        configuration.usageAudit = true
        return configuration
    }

    @Test("Where it is off nothing of a deleted instance is kept")
    func off() async throws {
        let fixture = try ManagerFixture()
        try await fixture.run { manager in
            try await fixture.perform(manager, Requests.run())
            try await fixture.perform(manager, Requests.of(Requests.id, "terminate_instance"))
            #expect(UsageAudit(surroundings: manager.surroundings(PeriodicConfiguration())).interval == nil)
        }
        let kept = try await fixture.store.read {
            try $0.ended(from: Timestamp(microseconds: 0), until: Timestamp(microseconds: .max))
        }
        #expect(kept.isEmpty)
        await fixture.close()
    }
}
