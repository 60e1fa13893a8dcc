// SPDX-License-Identifier: Apache-2.0

import ComputeDriver
import ComputeModel
import FakeDriver
import Testing
import WorkerStore

@testable import ComputeManager

@Suite("What stands in a row for another's sake is no move's to take", .timeLimit(.minutes(1)))
struct MoveNoteTests {
    private let id = InstanceID(bits: Requests.instanceID)

    /// Why there is a row.
    enum Note: CaseIterable, Sendable {
        /// A build that failed here, and whose cast back to the scheduler nobody has taken yet.
        case handedBack
        /// A running guest is to come from another host.
        case onItsWay
        /// The guest moved away, and what it left could not be removed yet.
        case gone
    }

    private func make(_ note: Note, _ fixture: ManagerFixture, _ driver: FakeDriver, _ manager: ComputeManager)
        async throws
    {
        switch note {
        case .handedBack:
            driver.faults.plan(.fail(ComputeFault(.hypervisorFailure, "no")), for: .spawn)
            try await fixture.perform(manager, Requests.run(Requests.id, Requests.retry))
        case .onItsWay: try await fixture.perform(manager, MethodRow.preLiveMigration.body)
        case .gone:
            try await fixture.perform(manager, Requests.run())
            let id = id
            try await fixture.store.write { transaction in
                var row = try #require(try transaction.instance(id))
                row.instance.host = "compute2"
                row.isGone = true
                try transaction.save(row)
            }
        }
    }

    /// What may not change.
    private struct Books: Equatable {
        let instance: Instance?
        let details: JSONObject?
        let resources: [String]
        let claims: [StoredClaim.Key]
        let casts: Int
    }

    private func books(_ fixture: ManagerFixture) async throws -> Books {
        let casts = try await fixture.outbox().count { $0.kind == .cast }
        return try await fixture.store.read { snapshot in
            let row = try snapshot.instance(id)
            return Books(
                instance: row?.instance, details: row?.details,
                resources: try snapshot.resources(of: id).map(\.kind), claims: try snapshot.claims().map(\.key),
                casts: casts)
        }
    }

    /// Sends a request of another host's to where there is such a row: it is refused, and nothing has changed.
    private func expectRefusal(of method: String, _ arguments: JSONObject, at note: Note, kind: JSONValue = "invalid")
        async throws
    {
        let fixture = try ManagerFixture()
        let driver = FakeDriver(hostname: ManagerFixture.host)
        try await fixture.run(peers: .yielding, driver: driver) { manager in
            try await make(note, fixture, driver, manager)
            let before = try await books(fixture)
            #expect(before.instance != nil)
            try await fixture.perform(
                manager, Requests.of(Requests.id, method, arguments, message: "m1") { $0["host"] = "compute2" })
            let reply = try #require(try await fixture.outbox().last { $0.kind == .reply })
            #expect(try JSONParser.parse(reply.body)["failure"] == kind, "\(method) \(note)")
            #expect(try await books(fixture) == before, "\(method) \(note)")
        }
        #expect(driver.faults.calls(of: .prepareLiveMigration) == (note == .onItsWay ? 1 : 0))
        await fixture.close()
    }

    @Test("A resize to this host is refused, and takes nothing of it", arguments: Note.allCases)
    func resize(_ note: Note) async throws {
        try await expectRefusal(of: "prep_resize", ["instance_type": .object(MethodRow.flavor)], at: note)
    }

    @Test("A running guest is not let in while its build goes back to the scheduler")
    func liveMigration() async throws {
        try await expectRefusal(of: "pre_live_migration", JSONObject(), at: .handedBack)
    }

    @Test("An instance that is on its way here waits for no confirmation of a resize")
    func confirmationOnTheWay() async throws {
        try await expectRefusal(
            of: "confirm_resize", ["migration_id": 1, "reservations": nil], at: .onItsWay, kind: "instanceInvalidState")
    }

    @Test("A live migration begins only when what an earlier one told its destination by a cast has left")
    func orderOfCasts() async throws {
        let fixture = try ManagerFixture()
        let driver = FakeDriver(hostname: ManagerFixture.host)
        driver.faults.plan(.fail(ComputeFault(.hypervisorFailure, "no")), for: .liveMigrate)
        let move = Requests.of(Requests.id, "live_migration", ["dest": "compute2", "block_migration": true])
        try await fixture.run(peers: .yielding, driver: driver) { manager in
            try await fixture.perform(manager, Requests.run())
            try await fixture.perform(manager, move)
            #expect(try await fixture.outbox().contains { $0.kind == .cast && $0.routingKey == "compute.compute2" })
            #expect(driver.faults.calls(of: .liveMigrate) == 1)
            let entry = try #require(try await fixture.submit(manager, move).first)
            for _ in 0..<8 { try await fixture.step() }
            #expect(driver.faults.calls(of: .liveMigrate) == 1)
            #expect(try await fixture.finished(entry) == nil)
            let id = id
            _ = try await fixture.store.write { try $0.strikeCasts(of: id) }
            #expect(try await fixture.eventually { try await fixture.finished(entry) != nil })
            #expect(driver.faults.calls(of: .liveMigrate) == 2)
        }
        await fixture.close()
    }

    @Test("A hypervisor that fails to say where a guest is has not said that it stayed: nothing is rolled back")
    func unknownWhereabouts() async throws {
        let fixture = try ManagerFixture()
        let driver = FakeDriver(hostname: ManagerFixture.host)
        for call in 2...4 { driver.faults.plan(.fail(ComputeFault(.hypervisorFailure, "no")), for: .info, call: call) }
        let move = Requests.of(Requests.id, "live_migration", ["dest": "compute2", "block_migration": true])
        let entry = try #require(try await fixture.submit(nil, move).first)
        // As a worker leaves it that dies while the guest moves.
        try await fixture.store.write { transaction in
            var row = StoredInstance(
                instance: try Instance(fields: Requests.instance), updatedAt: SystemWallClock().now())
            row.instance.vmState = .active
            row.instance.taskState = .migrating
            row.instance.host = ManagerFixture.host
            try transaction.save(row)
            try transaction.checkpoint(entry.id, step: try LiveMigration.encode(.moving))
        }
        try await fixture.run(peers: .yielding, driver: driver) { _ in
            let isFinished = try await fixture.eventually { try await fixture.finished(entry) != nil }
            #expect(isFinished)
        }
        #expect(driver.faults.calls(of: .info) >= 4)
        #expect(try await fixture.finished(entry)?.outcome == .succeeded)
        let casts = try await fixture.outbox().filter { $0.kind == .cast }
        #expect(casts.isEmpty)
        await fixture.close()
    }

    @Test("An instance whose build was refused waits for no confirmation of a resize")
    func confirmation() async throws {
        let fixture = try ManagerFixture()
        let none: JSONObject = ["filter_properties": ["limits": ["memory_mb": 1]]]
        try await fixture.run {
            try await fixture.perform($0, Requests.run(Requests.id, none))
            try await fixture.perform(
                $0, Requests.of(Requests.id, "confirm_resize", ["migration_id": 1, "reservations": nil], message: "m1"))
        }
        let reply = try #require(try await fixture.outbox().last { $0.kind == .reply })
        #expect(try JSONParser.parse(reply.body)["failure"] == "instanceInvalidState")
        #expect(fixture.driver.faults.calls(of: .confirmMigration) == 0)
        let row = try #require(try await fixture.instance(id))
        #expect(row.vmState == .error && row.taskState == nil && row.host == nil)
        await fixture.close()
    }
}
