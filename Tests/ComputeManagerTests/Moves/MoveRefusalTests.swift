// SPDX-License-Identifier: Apache-2.0

import ComputeDriver
import ComputeModel
import FakeDriver
import Testing
import WorkerStore

@testable import ComputeManager

@Suite("Moves that are refused before they did anything", .timeLimit(.minutes(1)))
struct MoveRefusalTests {
    private let id = InstanceID(bits: Requests.instanceID)

    @Test("A confirmation that nothing waits for is refused, and the instance keeps its network")
    func confirmation() async throws {
        let fixture = try ManagerFixture()
        try await fixture.run {
            try await fixture.perform($0, Requests.run())
            try await fixture.perform(
                $0, Requests.of(Requests.id, "confirm_resize", ["migration_id": 1, "reservations": nil], message: "m1"))
        }
        let reply = try #require(try await fixture.outbox().first { $0.kind == .reply })
        #expect(try JSONParser.parse(reply.body)["failure"] == "instanceInvalidState")
        #expect(try await !fixture.eventTypes().contains { $0.contains("resize.confirm") })
        #expect(fixture.driver.faults.calls(of: .confirmMigration) == 0)
        let row = try #require(try await fixture.instance(id))
        #expect(row.vmState == .active && row.taskState == nil)
        await fixture.close()
    }

    /// What a superfluous part of a move may come after, and what that leaves.
    enum Before: CaseIterable, Sendable {
        case built, resized, reverted

        var rows: [MethodRow] {
            switch self {
            case .built: []
            case .resized: [.prepResize, .resize, .finishResize]
            case .reverted: [.prepResize, .resize, .finishResize, .revertResize] + finishRevert
            }
        }

        private var finishRevert: [MethodRow] { MethodRow.moves.filter { $0.method == "finish_revert_resize" } }
    }

    private static let parts = ["resize_instance", "finish_resize", "finish_revert_resize"]

    /// The parts as an operator may send them, and as a worker has sent them once.
    private static func superfluous(_ method: String, told: Bool) -> [UInt8] {
        Requests.of(Requests.id, method, ["migration_id": 1, "reservations": nil], message: "superfluous") { fields in
            guard told else { return }
            fields["task_state"] = method == "finish_resize" ? "resize_migrated" : "resize_reverting"
            fields["migration"] =
                Migration(
                    id: 7, sourceHost: "compute2", destinationHost: ManagerFixture.host, destinationAddress: "",
                    oldFlavor: MethodRow.flavor, newFlavor: MethodRow.flavor, status: .postMigrating
                ).json
        }
    }

    private static func calls(_ driver: FakeDriver) -> [Int] {
        [.migrateDiskAndPowerOff, .finishMigration, .finishRevertMigration].map { driver.faults.calls(of: $0) }
    }

    @Test(
        "A superfluous part of a resize is refused and told, and costs a healthy guest nothing",
        arguments: Before.allCases, parts)
    func superfluous(_ before: Before, _ method: String) async throws {
        for told in method == "resize_instance" ? [false] : [false, true] {
            let fixture = try ManagerFixture { $0.allowsResizeToSameHost = true }
            let driver = FakeDriver(hostname: ManagerFixture.host)
            let comment: Comment = "told: \(told)"
            try await fixture.run(peers: .yielding, driver: driver) { manager in
                try await fixture.perform(manager, Requests.run())
                for row in before.rows { try await fixture.perform(manager, row.body) }
                let known = try #require(try await fixture.store.read { try $0.instance(id) })
                let claims = try await fixture.store.read { try $0.claims() }
                let asked = Self.calls(driver)
                let events = try await fixture.events().count
                try await fixture.perform(manager, Self.superfluous(method, told: told))
                #expect(try await fixture.store.read { try $0.instance(id) }?.instance == known.instance, comment)
                #expect(try await fixture.store.read { try $0.instance(id) }?.details == known.details, comment)
                #expect(try await fixture.store.read { try $0.claims() } == claims, comment)
                #expect(Self.calls(driver) == asked && driver.guest(id)?.powerState == .running, comment)
                let told = try await fixture.events().dropFirst(events).map { $0["event_type"]?.string }
                #expect(told == [method], comment)
                let reply = try #require(try await fixture.outbox().last { $0.kind == .reply })
                #expect(try JSONParser.parse(reply.body)["failure"] != nil, comment)
            }
            await fixture.close()
        }
    }

    @Test("An instance whose resize is not decided is not resized again, and what it can go back to is kept")
    func undecided() async throws {
        let fixture = try ManagerFixture { $0.allowsResizeToSameHost = true }
        let driver = FakeDriver(hostname: ManagerFixture.host)
        try await fixture.run(peers: .yielding, driver: driver) { manager in
            try await fixture.perform(manager, Requests.run())
            for row in Before.resized.rows { try await fixture.perform(manager, row.body) }
            let known = try #require(try await fixture.store.read { try $0.instance(id) })
            try await fixture.perform(manager, MethodRow.prepResize.body)
            #expect(try await fixture.events().last?["payload"]?["exception"]?["kind"] == "instanceInvalidState")
            let row = try #require(try await fixture.store.read { try $0.instance(id) })
            #expect(row.instance == known.instance && row.details == known.details)
        }
        await fixture.close()
    }

    @Test("A guest that runs on its new host is not started on the old one but by the word of the new one's worker")
    func notTwice() async throws {
        try await TwinWorld().run { world in
            try await TwinResizeTests.build(world)
            try await TwinResizeTests.resize(world)
            let left = try #require(try await world[TwinWorld.source].row(id))
            let seen = try await TwinResizeTests.seen(world, on: TwinWorld.target)
            try await world.perform(
                "finish_revert_resize", on: TwinWorld.source, ["instance": .object(seen), "migration_id": 1])
            #expect(world.cluster.running(id) == [TwinWorld.target])
            #expect(world.events().last == "finish_revert_resize")
            let row = try #require(try await world[TwinWorld.source].row(id))
            #expect(row.instance == left.instance && row.details == left.details)
        }
    }

    @Test("A check of a destination that is not told where the guest is says what is missing")
    func noHost() async throws {
        let fixture = try ManagerFixture()
        try await fixture.run(peers: .yielding, driver: FakeDriver(hostname: ManagerFixture.host)) { manager in
            try await fixture.perform(manager, Requests.of(Requests.id, "check_can_live_migrate_destination"))
        }
        let message = try await fixture.events().last?["payload"]?["exception"]?["message"]?.string
        #expect(message?.contains("its field 'host' is missing") == true)
        await fixture.close()
    }

    @Test("A host without room takes nothing in and calls no instance ERROR that runs where it was")
    func noRoom() async throws {
        let fixture = try ManagerFixture({ $0.claims.memoryRatio = 1 })
        let flavor: JSONObject = [
            "id": 9, "name": "m1.huge", "memory_mb": 100_000_000, "vcpus": 1, "root_gb": 1, "ephemeral_gb": 0,
            "swap": 0,
        ]
        let body = Requests.of(
            Requests.id, "prep_resize",
            ["instance_type": .object(flavor), "image": nil, "reservations": nil], message: "m1"
        ) { $0["host"] = "compute2" }
        try await fixture.run { manager in
            manager.services.capacity.note(try await fixture.driver.hostResources())
            try await fixture.perform(manager, body)
        }
        let reply = try #require(try await fixture.outbox().first { $0.kind == .reply })
        #expect(try JSONParser.parse(reply.body)["failure"] == "computeResourcesUnavailable")
        let states = try await fixture.events().compactMap { $0["payload"]?["state"]?.string }
        #expect(!states.isEmpty && !states.contains("error"))
        #expect(try await fixture.instance(id) == nil)
        #expect(try await !fixture.outbox().contains { $0.kind == .cast })
        await fixture.close()
    }
}
