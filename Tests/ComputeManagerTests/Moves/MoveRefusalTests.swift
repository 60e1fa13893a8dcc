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
