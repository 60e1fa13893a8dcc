// SPDX-License-Identifier: Apache-2.0

import ComputeDriver
import ComputeManager
import ComputeModel
import FakeDriver
import Testing
import WorkerStore

@Suite("A build that went back to the scheduler", .timeLimit(.minutes(1)))
struct BuildFateTests {
    private let id = InstanceID(bits: Requests.instanceID)

    private func handedBack(
        _ then: @escaping @Sendable (ComputeManager, ManagerFixture, OutboxMessage) async throws -> Void
    ) async throws -> ManagerFixture {
        let fixture = try ManagerFixture()
        fixture.driver.faults.plan(.fail(ComputeFault(.hypervisorFailure, "no")), for: .spawn, call: 1)
        try await fixture.run { manager in
            try await fixture.perform(manager, Requests.run(Requests.id, Requests.retry))
            let cast = try #require(try await fixture.outbox().first { $0.kind == .cast })
            try await then(manager, fixture, cast)
        }
        return fixture
    }

    @Test("is gone from here once the scheduler has it")
    func taken() async throws {
        let fixture = try await handedBack { manager, fixture, cast in
            let observer = manager.castObserver
            try await fixture.store.write { try observer.castWasTaken(cast, in: $0) }
        }
        #expect(try await fixture.instance(id) == nil)
        await fixture.close()
    }

    @Test("ends in ERROR with an event when no queue takes the cast")
    func returned() async throws {
        let fixture = try await handedBack { manager, fixture, cast in
            let observer = manager.castObserver
            try await fixture.store.write { try observer.castWasReturned(cast, reason: "NO_ROUTE", in: $0) }
        }
        let row = try #require(try await fixture.instance(id))
        #expect(row.vmState == .error)
        #expect(row.taskState == nil)
        let event = try #require(try await fixture.events().last)
        #expect(event["event_type"] == "run_instance")
        #expect(event["priority"] == "ERROR")
        #expect(event["payload"]?["exception"]?["kind"] == "hypervisorFailure")
        #expect(
            event["payload"]?["exception"]?["message"]
                == "no. The build failed here, and no scheduler took it back (NO_ROUTE).")
        #expect(event["context"]?["request_id"] == "req-72d24b71-bace-4717-a735-6326481b9a43")
        for row in try await fixture.outbox() where row.kind == .notification {
            #expect(!String(decoding: row.body, as: UTF8.self).contains("CANARY"))
        }
        await fixture.close()
    }

    @Test("is not here for what comes before its fate is known, and that changes nothing of it", arguments: [true, false])
    func notHere(_ isTaken: Bool) async throws {
        let fixture = try await handedBack { manager, fixture, cast in
            try await fixture.perform(manager, Requests.of(Requests.id, "reboot_instance"))
            #expect(try await fixture.events().last?["payload"]?["exception"]?["kind"] == "instanceNotFound")
            let observer = manager.castObserver
            try await fixture.store.write { transaction in
                if isTaken {
                    try observer.castWasTaken(cast, in: transaction)
                } else {
                    try observer.castWasReturned(cast, reason: "NO_ROUTE", in: transaction)
                }
            }
        }
        #expect(try await fixture.instance(id)?.vmState == (isTaken ? nil : .error))
        await fixture.close()
    }

    @Test("is not built elsewhere when it is deleted before the cast has left")
    func deleted() async throws {
        let other = "00000000-0000-4000-8000-000000000002"
        let fixture = try ManagerFixture()
        fixture.driver.faults.plan(.fail(ComputeFault(.hypervisorFailure, "no")), for: .spawn)
        try await fixture.run { manager in
            try await fixture.perform(
                manager, Requests.run(Requests.id, Requests.retry), Requests.run(other, Requests.retry))
            #expect(try await fixture.outbox().filter { $0.kind == .cast }.count == 2)
            try await fixture.perform(manager, Requests.of(Requests.id, "terminate_instance"))
        }
        #expect(try await fixture.instance(id) == nil)
        let casts = try await fixture.outbox().filter { $0.kind == .cast }
        #expect(casts.map(\.orderingKey) == [other])
        // Who hears that a build began hears that it ended.
        let ends = try await fixture.events().filter { $0["event_type"] == "run_instance" }
        #expect(ends.map { $0["payload"]?["exception"]?["kind"] } == ["superseded"])
        #expect(fixture.store.levels.outbox == (try await fixture.outbox().count))
        await fixture.close()
    }

    @Test(
        "is a new build when it comes back here, and its old cast's fate no longer touches it",
        arguments: [true, false])
    func comesBack(_ isTaken: Bool) async throws {
        let fixture = try await handedBack { manager, fixture, cast in
            try await fixture.perform(manager, Requests.run(Requests.id, Requests.retry))
            let observer = manager.castObserver
            try await fixture.store.write { transaction in
                if isTaken {
                    try observer.castWasTaken(cast, in: transaction)
                } else {
                    try observer.castWasReturned(cast, reason: "NO_ROUTE", in: transaction)
                }
            }
        }
        #expect(try await fixture.instance(id)?.vmState == .active)
        #expect(try await !fixture.outbox().contains { $0.kind == .cast })
        await fixture.close()
    }
}
