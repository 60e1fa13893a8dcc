// SPDX-License-Identifier: Apache-2.0

import ComputeDriver
@testable import ComputeManager
import ComputeModel
import FakeDriver
import Testing
import WorkerStore

@Suite("What moves an instance, on one host", .timeLimit(.minutes(1)))
struct MoveOperationTests {
    private let id = InstanceID(bits: Requests.instanceID)

    /// Runs the requests on a host where resizes are allowed, or not.
    private func play(
        _ bodies: [[UInt8]], isAllowed: Bool = true, plain: Bool = false,
        plan: (DriverOperation, FaultPlan.Misbehaviour)? = nil,
        _ check: @escaping @Sendable (ManagerFixture, FakeDriver) async throws -> Void
    ) async throws {
        let fixture = try ManagerFixture { $0.allowsResizeToSameHost = isAllowed }
        let driver = FakeDriver(hostname: ManagerFixture.host)
        if let plan { driver.faults.plan(plan.1, for: plan.0) }
        try await fixture.run(plain: plain, peers: .yielding, driver: plain ? nil : driver) { manager in
            if !plain { try await fixture.perform(manager, Requests.run()) }
            for body in bodies { try await fixture.perform(manager, body) }
        }
        try await check(fixture, driver)
        await fixture.close()
    }

    private static let all: [(String, JSONObject)] = [
        ("prep_resize", ["instance_type": .object(MethodRow.flavor)]), ("resize_instance", ["migration_id": 1]),
        ("finish_resize", ["migration_id": 1]), ("confirm_resize", ["migration_id": 1]),
        ("revert_resize", ["migration_id": 1]), ("finish_revert_resize", ["migration_id": 1]),
        ("check_can_live_migrate_destination", [:]), ("check_can_live_migrate_source", ["dest_check_data": [:]]),
        ("live_migration", ["dest": "compute2"]), ("pre_live_migration", [:]),
        ("post_live_migration_at_destination", [:]), ("rollback_live_migration_at_destination", [:]),
    ]

    @Test("A driver without the facet is asked nothing: the request is refused, told, and leaves no row")
    func unsupported() async throws {
        for (method, arguments) in Self.all {
            try await play([Requests.of(Requests.id, method, arguments)], plain: true) { fixture, _ in
                #expect(try await fixture.eventTypes() == [method], "\(method)")
                let kind = try await fixture.events().last?["payload"]?["exception"]?["kind"]
                #expect(kind == "unsupportedOperation", "\(method)")
                #expect(try await fixture.instance(id) == nil, "\(method)")
                #expect(try await fixture.driver.instances().isEmpty)
            }
        }
    }

    @Test("Arguments of the wrong type, or unknown, are refused and change nothing")
    func badArguments() async throws {
        let bad: [(String, JSONObject)] = [
            ("prep_resize", [:]), ("prep_resize", ["instance_type": ["memory_mb": "much"]]),
            ("prep_resize", ["instance_type": .object(MethodRow.flavor), "filter": 1]),
            ("resize_instance", [:]), ("resize_instance", ["migration_id": "one"]),
            ("resize_instance", ["migration_id": 1, "image": 5]),
            ("finish_resize", ["migration_id": 1, "disk_info": [:]]),
            ("confirm_resize", ["migration_id": 1, "reservations": "none"]), ("revert_resize", ["migration_id": nil]),
            ("finish_revert_resize", ["migration_id": "1"]), ("live_migration", [:]), ("live_migration", ["dest": ""]),
            ("live_migration", ["dest": "compute2", "block_migration": "yes"]),
            ("check_can_live_migrate_source", ["dest_check_data": "none"]),
            ("check_can_live_migrate_destination", ["disk_over_commit": 1]),
            ("pre_live_migration", ["disk": "no JSON"]), ("pre_live_migration", ["disk": "[{}]"]),
            ("post_live_migration_at_destination", ["block_migration": []]),
            ("rollback_live_migration_at_destination", ["dest": "compute2"]),
        ]
        for (method, arguments) in bad {
            try await play([Requests.of(Requests.id, method, arguments)]) { fixture, _ in
                #expect(try await fixture.events().last?["event_type"]?.string == method, "\(method) \(arguments)")
                let instance = try await fixture.instance(id)
                #expect(instance?.vmState == .active, "\(method) \(arguments)")
                #expect(instance?.taskState == nil, "\(method) \(arguments)")
            }
        }
    }

    @Test("An instance is not resized on its host where the operator does not allow it: told as begun, then ERROR")
    func sameHost() async throws {
        try await play([MethodRow.prepResize.body], isAllowed: false) { fixture, _ in
            let instance = try await fixture.instance(id)
            #expect(instance?.vmState == .error)
            #expect(instance?.taskState == nil)
            #expect(
                try await fixture.eventTypes().suffix(3) == [
                    "compute.instance.exists", "compute.instance.resize.prep.start", "prep_resize",
                ])
            #expect(try await fixture.events().last?["payload"]?["exception"]?["kind"] == "migrationFailure")
            #expect(try await !fixture.outbox().contains { $0.kind == .cast })
        }
    }

    @Test("A cast to another worker goes to the topic that the operator named, and carries its id")
    func topic() async throws {
        let fixture = try ManagerFixture {
            $0.allowsResizeToSameHost = true
            $0.computeTopic = "hypervisors"
        }
        try await fixture.run(peers: .yielding, driver: FakeDriver(hostname: ManagerFixture.host)) { manager in
            try await fixture.perform(manager, Requests.run())
            try await fixture.perform(manager, MethodRow.prepResize.body)
        }
        let cast = try #require(try await fixture.outbox().last { $0.kind == .cast })
        #expect(cast.routingKey == "hypervisors.\(ManagerFixture.host)")
        #expect(try JSONParser.parse(cast.body)["is_named"] == true)
        await fixture.close()
    }

    @Test("What expects another task is refused: the guest was not touched, and the state and the task stay")
    func expectedTask() async throws {
        for (method, arguments) in [Self.all[1], Self.all[2]] {
            var bodies = [MethodRow.prepResize.body]
            // finish_resize wants resize_migrated; resize_instance another task than stopping.
            if method == "resize_instance" {
                bodies = [
                    MethodRow.prepResize.body, MethodRow.resize.body, Requests.of(Requests.id, method, arguments),
                ]
            } else {
                bodies.append(Requests.of(Requests.id, method, arguments))
            }
            try await play(bodies) { fixture, _ in
                let kind = try await fixture.events().last?["payload"]?["exception"]?["kind"]
                #expect(kind == "unexpectedTaskState", "\(method)")
                #expect(try await fixture.instance(id)?.vmState == .active, "\(method)")
                #expect(try await fixture.instance(id)?.taskState != nil, "\(method)")
            }
        }
    }

    @Test("A move of disks that fails leaves the guest running, its instance in ERROR, and nothing claimed for it")
    func failedDisks() async throws {
        try await play(
            [MethodRow.prepResize.body, MethodRow.resize.body],
            plan: (.migrateDiskAndPowerOff, .fail(ComputeFault(.hypervisorFailure, "no")))
        ) { fixture, driver in
            #expect(try await fixture.instance(id)?.vmState == .error)
            #expect(try await fixture.instance(id)?.taskState == nil)
            #expect(driver.guest(id)?.powerState == .running)
            #expect(try await fixture.eventTypes().last == "resize_instance")
            let claims = try await fixture.store.read { try $0.claims() }
            #expect(claims.map(\.key.purpose) == [.instance])
        }
    }

    @Test("Disks that were moved come back when the answer gets lost")
    func lostAnswer() async throws {
        try await play(
            [MethodRow.prepResize.body, MethodRow.resize.body],
            plan: (.migrateDiskAndPowerOff, .failAfterwards(ComputeFault(.timeout, "lost")))
        ) { _, driver in
            #expect(driver.guest(id)?.powerState == .running)
            #expect(driver.host.kept.isEmpty)
        }
    }

    @Test("A guest that can't be built from its disks puts the instance into ERROR, and a delete removes all of it")
    func failedFinish() async throws {
        let bodies = [MethodRow.prepResize, .resize, .finishResize].map(\.body)
        try await play(
            bodies + [Requests.of(Requests.id, "terminate_instance")],
            plan: (.finishMigration, .fail(ComputeFault(.hypervisorFailure, "no")))
        ) { fixture, driver in
            let types = try await fixture.eventTypes()
            #expect(types.contains("finish_resize"))
            #expect(types.last == "compute.instance.delete.end")
            #expect(TwinCluster.Host(driver: driver).isEmpty(of: id))
            #expect(try await fixture.store.read { try $0.claims() }.isEmpty)
        }
    }

    @Test("A resize claims its new size beside the old one until it is decided", arguments: ["confirm", "revert"])
    func claims(_ end: String) async throws {
        var rows = [MethodRow.prepResize, .resize, .finishResize]
        try await play(rows.map(\.body)) { fixture, _ in
            let claims = try await fixture.store.read { try $0.claims() }
            #expect(Set(claims.map(\.key.purpose)) == [.instance, .resize])
        }
        rows += end == "confirm" ? MethodRow.moves.filter { $0.method == "confirm_resize" } : [.revertResize]
        if end == "revert" { rows += MethodRow.moves.filter { $0.method == "finish_revert_resize" } }
        try await play(rows.map(\.body)) { fixture, _ in
            let claims = try await fixture.store.read { try $0.claims() }
            #expect(claims.map(\.key.purpose) == [.instance])
            #expect(claims.first?.amounts.memoryMiB == (end == "confirm" ? 2048 : 512))
        }
    }

    @Test("A resize that comes beside another one and fails gives back nothing of that one's")
    func claimsOfAnother() async throws {
        let another = Requests.of(Requests.id, "resize_instance", ["migration_id": 1])
        var bodies = [MethodRow.prepResize, .resize].map(\.body) + [another]
        try await play(bodies) { fixture, _ in
            let claims = try await fixture.store.read { try $0.claims() }
            #expect(Set(claims.map(\.key.purpose)) == [.instance, .resize])
        }
        bodies += [MethodRow.finishResize.body] + MethodRow.moves.filter { $0.method == "confirm_resize" }.map(\.body)
        try await play(bodies) { fixture, _ in
            let claims = try await fixture.store.read { try $0.claims() }
            #expect(claims.map(\.key.purpose) == [.instance])
            #expect(claims.first?.amounts.memoryMiB == 2048)
        }
    }

    @Test("A call for a move is answered with what the driver says")
    func answers() async throws {
        let fixture = try ManagerFixture()
        let other = "00000000-0000-4000-8000-000000000002"
        let driver = FakeDriver(hostname: ManagerFixture.host)
        let replies = try await fixture.run(peers: .yielding, driver: driver) { manager in
            try await fixture.perform(manager, Requests.run())
            try await fixture.perform(
                manager,
                Requests.of(
                    Requests.id, "check_can_live_migrate_source", ["dest_check_data": ["filename": "mark"]],
                    message: "m1"),
                Requests.of(other, "check_can_live_migrate_destination", message: "m2") {
                    $0["host"] = "compute2"
                })
            return try await fixture.outbox().filter { $0.kind == .reply }
        }
        let answers = try replies.map { try JSONParser.parse($0.body)["result"] }
        #expect(answers.first??["filename"] == "mark")
        #expect(answers.last??["rolls_back_at_destination"] == true)
        await fixture.close()
    }
}
