// SPDX-License-Identifier: Apache-2.0

import ComputeDriver
@testable import ComputeManager
import ComputeModel
import FakeDriver
import Synchronization
import Testing
import WorkerStore

@Suite("Two workers move a running guest", .timeLimit(.minutes(3)))
struct TwinLiveMigrationTests {
    private static let source = TwinWorld.source
    private static let target = TwinWorld.target
    private let id = InstanceID(bits: Requests.instanceID)

    /// As nova's API does: asks the destination, then has the source move the guest.
    static func move(
        _ world: TwinWorld, block: Bool = true, from source: String = source, to target: String = target
    ) async throws {
        let instance = try await TwinResizeTests.seen(world, on: source)
        let data = try await world.call(
            target, "check_can_live_migrate_destination", "2.0",
            ["instance": .object(instance), "block_migration": .bool(block), "disk_over_commit": false],
            RequestContext(fields: ["request_id": "req-1"]))
        #expect(data["rolls_back_at_destination"] == true)
        #expect(world.cluster[target].isEmpty(of: InstanceID(bits: Requests.instanceID)))
        var moving = instance
        moving["task_state"] = "migrating"
        try await world.perform(
            "live_migration", on: source,
            [
                "instance": .object(moving), "dest": .string(target), "block_migration": .bool(block),
                "migrate_data": data,
            ])
    }

    private func expectMoved(_ world: TwinWorld, _ comment: Comment? = nil) async throws {
        #expect(world.cluster.running(id) == [Self.target], comment)
        #expect(world.cluster[Self.source].isEmpty(of: id), comment)
        #expect(try world[Self.target].driver.fake.host.expected.isEmpty, comment)
        #expect(try await world[Self.source].row(id) == nil, comment)
        #expect(try await world[Self.source].resources(id).isEmpty, comment)
        let row = try #require(try await world[Self.target].row(id), comment)
        #expect(row.instance.host == Self.target, comment)
        #expect(row.instance.vmState == .active, comment)
        #expect(row.instance.taskState == nil, comment)
        #expect(row.instance.powerState == .running, comment)
        #expect(row.liveSource == nil, comment)
        #expect(try await world[Self.target].resources(id).count == 2, comment)
    }

    private func expectStayed(_ world: TwinWorld, _ comment: Comment? = nil) async throws {
        #expect(world.cluster.running(id) == [Self.source], comment)
        #expect(world.cluster[Self.target].isEmpty(of: id), comment)
        #expect(try await world[Self.target].row(id) == nil, comment)
        #expect(try await world[Self.target].resources(id).isEmpty, comment)
        let row = try #require(try await world[Self.source].row(id), comment)
        #expect(row.instance.host == Self.source, comment)
        #expect(row.instance.vmState == .active, comment)
        #expect(row.instance.taskState == nil, comment)
    }

    @Test("The guest runs over there and nothing is left here", arguments: [true, false])
    func moved(_ block: Bool) async throws {
        try await TwinWorld().run { world in
            try await TwinResizeTests.build(world)
            let boot = world.cluster[Self.source].guest(id)?.boot
            try await Self.move(world, block: block)
            try await expectMoved(world)
            #expect(world.cluster[Self.target].guest(id)?.boot == boot)
            // Nova tells of a move by updates alone.
            #expect(world.events() == [])
        }
    }

    @Test("Nova's calls to the network come in nova's order")
    func network() async throws {
        try await TwinWorld().run { world in
            try await TwinResizeTests.build(world)
            try await Self.move(world)
            #expect(
                try world[Self.target].network.asked == [
                    "get_instance_nw_info", "setup_networks_on_host compute2", "setup_networks_on_host compute2",
                    "get_instance_nw_info", "setup_networks_on_host compute2",
                ])
            #expect(
                try world[Self.source].network.asked.suffix(2) == [
                    "get_instance_nw_info", "setup_networks_on_host compute1 teardown",
                ])
        }
    }

    @Test("A move that fails leaves the guest running here, nothing over there, and an error", arguments: [true, false])
    func failed(_ block: Bool) async throws {
        try await TwinWorld().run { world in
            try await TwinResizeTests.build(world)
            try world[Self.source].driver.faults.plan(.fail(ComputeFault(.hypervisorFailure, "no")), for: .liveMigrate)
            try await Self.move(world, block: block)
            try await expectStayed(world)
            #expect(world.events() == ["live_migration"])
        }
    }

    @Test(
        "A destination that can't get ready ends the move, and the guest stays",
        arguments: [.hypervisorFailure, .invalid] as [ComputeFault.Kind])
    func unprepared(_ kind: ComputeFault.Kind) async throws {
        try await TwinWorld().run { world in
            try await TwinResizeTests.build(world)
            try world[Self.target].driver.faults.plan(
                .fail(ComputeFault(kind, "no")), for: .prepareLiveMigration)
            try await Self.move(world)
            try await expectStayed(world)
            #expect(try world[Self.source].driver.faults.calls(of: .liveMigrate) == 0)
            #expect(Set(world.events()) == ["pre_live_migration", "live_migration"])
        }
    }

    @Test("A destination that nobody serves ends the move with an error, and the guest stays")
    func nobody() async throws {
        try await TwinWorld().run { world in
            try await TwinResizeTests.build(world)
            world.remove(Self.target)
            var moving = try await TwinResizeTests.seen(world, on: Self.source)
            moving["task_state"] = "migrating"
            try await world.perform(
                "live_migration", on: Self.source,
                ["instance": .object(moving), "dest": .string(Self.target), "block_migration": true])
            #expect(world.cluster.running(id) == [Self.source])
            let row = try #require(try await world[Self.source].row(id))
            #expect(row.instance.vmState == .active)
            #expect(row.instance.taskState == nil)
            // The move, and the rollback that nobody took.
            #expect(world.events() == ["live_migration", "live_migration"])
        }
    }

    @Test("An answer of the hypervisor that gets lost after the move is no failure")
    func lostAnswer() async throws {
        try await TwinWorld().run { world in
            try await TwinResizeTests.build(world)
            try world[Self.source].driver.faults.plan(
                .failAfterwards(ComputeFault(.unavailable, "lost")), for: .liveMigrate)
            try await Self.move(world)
            try await expectMoved(world)
        }
    }

    @Test("A destination that does not answer after the move is told by a cast")
    func toldByCast() async throws {
        try await TwinWorld().run { world in
            try await TwinResizeTests.build(world)
            try world[Self.target].driver.faults.plan(
                .fail(ComputeFault(.hypervisorFailure, "no")), for: .finishLiveMigrationAtDestination, call: 1)
            try await Self.move(world)
            try await expectMoved(world)
        }
    }

    @Test("A hypervisor that can't be asked is waited for: a guest that may have moved is not taken for one that stayed")
    func unknownOutcome() async throws {
        try await TwinWorld().run { world in
            try await TwinResizeTests.build(world)
            let faults = try world[Self.source].driver.faults
            faults.plan(.failAfterwards(ComputeFault(.unavailable, "lost")), for: .liveMigrate)
            let asked = faults.calls(of: .info)
            // The first question is whether there is a guest to be moved.
            faults.plan(.fail(ComputeFault(.timeout, "away")), for: .info, calls: (asked + 2)...(asked + 3))
            try await Self.move(world)
            try await expectMoved(world)
        }
    }

    /// A move whose destination can't take the guest over.
    private func untaken(_ world: TwinWorld) async throws {
        try await TwinResizeTests.build(world)
        try world[Self.target].driver.faults.plan(
            .fail(ComputeFault(.hypervisorFailure, "no")), for: .finishLiveMigrationAtDestination)
        var moving = try await TwinResizeTests.seen(world, on: Self.source)
        moving["task_state"] = "migrating"
        try await world.send(
            TwinWorld.body(
                "live_migration", ["instance": .object(moving), "dest": .string(Self.target), "block_migration": true]),
            to: Self.source)
        while try world[Self.target].driver.faults.calls(of: .finishLiveMigrationAtDestination) < 2 {
            try await Task.sleep(for: .milliseconds(5))
        }
    }

    @Test("What is left on the old host stays until the new one has taken the guest over")
    func untold() async throws {
        try await TwinWorld().run { world in
            try await untaken(world)
            #expect(try world[Self.source].driver.faults.calls(of: .cleanUpAfterLiveMigration) == 0)
            #expect(try await world[Self.source].row(id) != nil)
            try world[Self.target].driver.faults.clear()
            try await world.idle()
            try await expectMoved(world)
            #expect(try world[Self.source].driver.faults.calls(of: .cleanUpAfterLiveMigration) == 1)
        }
    }

    @Test("A destination that refuses time and again ends the move all the same: told as failed, and left to a cast")
    func refused() async throws {
        try await TwinWorld { $0.maximumAttempts = 2 }.run { world in
            try await untaken(world)
            try await world.idle()
            // Two calls, and the cast, which may still be on its way; one that was answered late is made again.
            while try world[Self.target].driver.faults.calls(of: .finishLiveMigrationAtDestination) < 3 {
                try await Task.sleep(for: .milliseconds(5))
            }
            try await world.idle()
            #expect(try world[Self.target].driver.faults.calls(of: .finishLiveMigrationAtDestination) <= 5)
            #expect(world.cluster.running(id) == [Self.target])
            #expect(world.events(of: Self.source) == ["live_migration"])
            let row = try #require(try await world[Self.source].row(id))
            #expect(row.isGone && row.instance.host == Self.target && row.instance.taskState == nil)
            #expect(try world[Self.source].driver.faults.calls(of: .cleanUpAfterLiveMigration) == 0)
        }
    }

    @Test("A guest that has come can be deleted though its host could not take it over")
    func deletedUntold() async throws {
        try await TwinWorld().run { world in
            try await untaken(world)
            try await world.perform(
                "terminate_instance", on: Self.target, ["instance": .object(Requests.instance)])
            for host in [Self.source, Self.target] {
                #expect(world.cluster[host].isEmpty(of: id))
                #expect(try await world[host].row(id) == nil)
            }
            #expect(world.events(of: Self.target).suffix(4) == TwinDeleteTests.ends[...])
        }
    }

    @Test("A rollback leaves a guest alone that has come, and its row, by which its host makes it its own")
    func rolledBackThoughMoved() async throws {
        try await TwinWorld().run { world in
            try await untaken(world)
            try await world.send(
                TwinWorld.body(
                    "rollback_live_migration_at_destination", ["instance": .object(Requests.instance)]),
                to: Self.target)
            while try !world[Self.target].isIdle { try await Task.sleep(for: .milliseconds(2)) }
            #expect(world.cluster.running(id) == [Self.target])
            #expect(try await world[Self.target].row(id)?.liveSource == Self.source)
            try world[Self.target].driver.faults.clear()
            try await world.idle()
            try await expectMoved(world)
        }
    }

    @Test("A guest that came and runs at its source as well is switched off here, and nothing of it stays")
    func runsTwice() async throws {
        try await TwinWorld().run { world in
            try await untaken(world)
            var instance = Requests.instance
            instance["worker_details"] = ["runs_at_source": true]
            try await world.send(
                TwinWorld.body("rollback_live_migration_at_destination", ["instance": .object(instance)]),
                to: Self.target)
            while try !world[Self.target].isIdle { try await Task.sleep(for: .milliseconds(2)) }
            #expect(world.cluster.running(id).contains(Self.target) == false)
            #expect(try await world[Self.target].row(id) == nil)
            #expect(try await world[Self.target].resources(id).isEmpty)
        }
    }

    @Test("A guest that is on this host already is not moved", arguments: ["live_migration", "pre_live_migration"])
    func samePlace(_ method: String) async throws {
        try await TwinWorld().run { world in
            try await TwinResizeTests.build(world)
            let instance = try await TwinResizeTests.seen(world, on: Self.source)
            var arguments: JSONObject = ["instance": .object(instance)]
            if method == "live_migration" { arguments["dest"] = .string(Self.source) }
            try await world.perform(method, on: Self.source, arguments)
            #expect(world.cluster.running(id) == [Self.source])
            #expect(world.events() == [method])
            #expect(try await world[Self.source].row(id)?.instance.vmState == .active)
        }
    }

    @Test(
        "A worker that dies at any moment of a move: one guest runs, here or there, and its host knows",
        arguments: [true, false])
    func deaths(_ block: Bool) async throws {
        let moments = Mutex(0)
        let start: @Sendable (TwinWorld) async throws -> (JSONObject, JSONValue) = { world in
            let instance = try await TwinResizeTests.seen(world, on: Self.source)
            let data = try await world.call(
                Self.target, "check_can_live_migrate_destination", "2.0",
                ["instance": .object(instance), "block_migration": .bool(block)], RequestContext(fields: [:]))
            var moving = instance
            moving["task_state"] = "migrating"
            return (moving, data)
        }
        let finish: @Sendable (TwinWorld, JSONObject, JSONValue) async throws -> Void = { world, moving, data in
            try await world.perform(
                "live_migration", on: Self.source,
                [
                    "instance": .object(moving), "dest": .string(Self.target), "block_migration": .bool(block),
                    "migrate_data": data,
                ])
        }
        try await TwinWorld().run { world in
            try await TwinResizeTests.build(world)
            let (moving, data) = try await start(world)
            world.crash.arm(at: nil) { _ in }
            try await finish(world, moving, data)
            moments.withLock { $0 = world.crash.count }
        }
        let count = moments.withLock { $0 }
        #expect(count > 10)
        for moment in 1...count {
            try await TwinWorld().run { world in
                try await TwinResizeTests.build(world)
                let (moving, data) = try await start(world)
                world.crash.arm(at: moment) { host in try? world[host].kill() }
                try await finish(world, moving, data)
                let fatal = world.crash.names.dropFirst(moment - 1).first ?? "?"
                let comment: Comment = "death \(moment) of \(count), \(fatal)"
                if world.cluster.running(id) == [Self.source] {
                    try await expectStayed(world, comment)
                    #expect(world.events() == ["live_migration"], comment)
                    #expect(fatal.contains("before live_migration"), comment)
                } else {
                    try await expectMoved(world, comment)
                    #expect(world.events() == [], comment)
                }
            }
        }
    }
}
