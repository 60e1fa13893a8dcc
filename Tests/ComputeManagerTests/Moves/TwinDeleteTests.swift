// SPDX-License-Identifier: Apache-2.0

import ComputeDriver
@testable import ComputeManager
import ComputeModel
import FakeDriver
import Synchronization
import Testing
import WorkerStore

@Suite("A delete of an instance that moves leaves nothing on either host", .timeLimit(.minutes(3)))
struct TwinDeleteTests {
    private static let source = TwinWorld.source
    private static let target = TwinWorld.target
    private let id = InstanceID(bits: Requests.instanceID)
    static let ends = ["delete.start", "shutdown.start", "shutdown.end", "delete.end"]

    private func delete(_ world: TwinWorld, on host: String) async throws {
        var instance = Requests.instance
        instance["vm_state"] = "resized"
        instance["task_state"] = "deleting"
        try await world.perform("terminate_instance", on: host, ["instance": .object(instance)])
    }

    private func expectNothing(_ world: TwinWorld, _ comment: Comment? = nil) async throws {
        for host in [Self.source, Self.target] {
            #expect(world.cluster[host].isEmpty(of: id), comment)
            #expect(try await world[host].row(id) == nil, comment)
            #expect(try await world[host].resources(id).isEmpty, comment)
        }
    }

    @Test("one that was resized, on whichever host the delete arrives", arguments: [Self.source, Self.target])
    func resized(_ host: String) async throws {
        try await TwinWorld().run { world in
            try await TwinResizeTests.build(world)
            try await TwinResizeTests.resize(world)
            world.forgetEvents()
            try await delete(world, on: host)
            try await expectNothing(world)
            #expect(world.events(of: Self.target) == Self.ends)
            let confirmed = ["resize.confirm.start", "resize.confirm.end"]
            #expect(world.events(of: Self.source) == (host == Self.target ? confirmed : []))
        }
    }

    @Test("one whose resize could not be finished")
    func failed() async throws {
        try await TwinWorld().run { world in
            try await TwinResizeTests.build(world)
            try world[Self.target].driver.faults.plan(
                .fail(ComputeFault(.hypervisorFailure, "no")), for: .finishMigration)
            try await TwinResizeTests.resize(world)
            #expect(try await world[Self.target].row(id)?.instance.vmState == .error)
            #expect(world.events().last == "finish_resize")
            try await delete(world, on: Self.target)
            try await expectNothing(world)
        }
    }

    @Test("one whose resize was refused on its host, and one that was stopped there")
    func refused() async throws {
        for misbehaviour in [true, false] {
            try await TwinWorld().run { world in
                try await TwinResizeTests.build(world)
                let fault = ComputeFault(.migrationFailure, "other storage")
                try world[Self.source].driver.faults.plan(
                    misbehaviour ? .fail(fault) : .failAfterwards(fault), for: .migrateDiskAndPowerOff)
                try await TwinResizeTests.resize(world)
                #expect(world.cluster.running(id) == [Self.source])
                let row = try #require(try await world[Self.source].row(id))
                #expect(row.instance.vmState == .error && row.migration == nil)
                world.forgetEvents()
                try await delete(world, on: Self.source)
                #expect(world.cluster[Self.source].isEmpty(of: id))
                #expect(try await world[Self.source].row(id) == nil)
                #expect(world.events() == Self.ends)
                #expect(world.cluster.directory(id) == nil)
            }
        }
    }

    @Test("one that is to move and whose guest is still here")
    func beforeMove() async throws {
        try await TwinWorld().run { world in
            try await TwinResizeTests.build(world)
            let migration = Migration(
                id: 7, sourceHost: Self.source, destinationHost: Self.target, destinationAddress: "",
                oldFlavor: [:], newFlavor: [:], status: .migrating)
            try await world[Self.source].change(id) { $0.migration = migration }
            try await delete(world, on: Self.source)
            try await expectNothing(world)
            #expect(world.events(of: Self.source) == Self.ends)
        }
    }

    /// Holds a driver call, has the delete arrive meanwhile, then lets the call go on.
    private func deleteDuring(
        _ operation: DriverOperation, on busy: String, arriving host: String,
        _ start: @escaping @Sendable (TwinWorld) async throws -> Void
    ) async throws {
        try await TwinWorld().run { world in
            try await TwinResizeTests.build(world)
            let point = try world[busy].driver.faults.hang(operation)
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { try await start(world) }
                await point.reached()
                var instance = Requests.instance
                instance["vm_state"] = "active"
                try await world.send(
                    TwinWorld.body("terminate_instance", ["instance": .object(instance)]), to: host)
                point.release()
                try await group.waitForAll()
            }
            try await world.idle()
            try await expectNothing(world, "\(operation) \(host)")
            #expect(world.events().filter { $0 == "delete.end" }.count == 1)
        }
    }

    @Test("one whose disks are on their way")
    func duringDisks() async throws {
        try await deleteDuring(.migrateDiskAndPowerOff, on: Self.source, arriving: Self.source) {
            try await TwinResizeTests.resize($0)
        }
    }

    @Test("one that is being built over there", arguments: [Self.source, Self.target])
    func duringFinish(_ host: String) async throws {
        try await deleteDuring(.finishMigration, on: Self.target, arriving: host) {
            try await TwinResizeTests.resize($0)
        }
    }

    @Test("one that moves while it runs", arguments: [Self.source, Self.target])
    func duringMove(_ host: String) async throws {
        try await deleteDuring(.liveMigrate, on: Self.source, arriving: host) {
            try await TwinLiveMigrationTests.move($0)
        }
    }

    @Test("one whose disks arrive after the delete")
    func beforeFinish() async throws {
        try await TwinWorld().run { world in
            try await TwinResizeTests.build(world)
            let point = try world[Self.source].driver.faults.hang(.migrateDiskAndPowerOff)
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { try await TwinResizeTests.resize(world) }
                await point.reached()
                var instance = Requests.instance
                instance["vm_state"] = "active"
                // The destination has no row of it yet: nobody knows it, and that is what a delete is for.
                try await world.send(
                    TwinWorld.body("terminate_instance", ["instance": .object(instance)]), to: Self.target)
                try await world.until { world.events(of: Self.target).contains("delete.end") }
                point.release()
                try await group.waitForAll()
            }
            try await world.idle()
            try await expectNothing(world)
        }
    }

    @Test("one whose delete is cut off at any moment")
    func deaths() async throws {
        let moments = Mutex(0)
        try await TwinWorld().run { world in
            try await TwinResizeTests.build(world)
            try await TwinResizeTests.resize(world)
            world.crash.arm(at: nil) { _ in }
            try await delete(world, on: Self.target)
            moments.withLock { $0 = world.crash.count }
        }
        let count = moments.withLock { $0 }
        #expect(count > 5)
        for moment in 1...count {
            try await TwinWorld().run { world in
                try await TwinResizeTests.build(world)
                try await TwinResizeTests.resize(world)
                world.forgetEvents()
                world.crash.arm(at: moment) { host in try? world[host].kill() }
                try await delete(world, on: Self.target)
                let fatal = world.crash.names.dropFirst(moment - 1).first ?? "?"
                let comment: Comment = "death \(moment) of \(count), \(fatal)"
                try await expectNothing(world, comment)
                #expect(world.events(of: Self.target) == Self.ends, comment)
            }
        }
    }
}

@Suite("A cast of a move that no worker takes", .timeLimit(.minutes(3)))
struct TwinUnroutableTests {
    private static let source = TwinWorld.source
    private static let target = TwinWorld.target
    private let id = InstanceID(bits: Requests.instanceID)

    @Test("leaves the instance as it was where nothing has happened yet")
    func prepared() async throws {
        try await TwinWorld().run { world in
            try await TwinResizeTests.build(world)
            world.remove(Self.source)
            try await TwinResizeTests.resize(world)
            #expect(world.cluster.running(id) == [Self.source])
            #expect(try await world[Self.target].row(id) == nil)
            #expect(world.events() == ["exists", "resize.prep.start", "resize.prep.end", "prep_resize"])
            let last = try #require(world.allEvents.last { $0.event["event_type"] == "compute.instance.update" })
            #expect(last.event["payload"]?["state"] == "active")
            #expect(last.event["payload"]?["new_task_state"] == .null)
        }
    }

    @Test("puts the instance into ERROR where its guest is off, on the host that has what is left of it")
    func handedOver() async throws {
        try await TwinWorld().run { world in
            try await TwinResizeTests.build(world)
            let point = try world[Self.source].driver.faults.hang(.migrateDiskAndPowerOff)
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { try await TwinResizeTests.resize(world) }
                await point.reached()
                world.remove(Self.target)
                point.release()
                try await group.waitForAll()
            }
            let row = try #require(try await world[Self.source].row(id))
            #expect(row.instance.host == Self.source)
            #expect(row.instance.vmState == .error)
            #expect(row.instance.taskState == nil)
            #expect(world.events().last == "resize_instance")
            #expect(world.allEvents.allSatisfy { !JSONWriter.text(.object($0.event)).contains("CANARY") })
            // A delete finds all of it.
            try await world.perform("terminate_instance", on: Self.source, ["instance": .object(Requests.instance)])
            #expect(try await world[Self.source].row(id) == nil)
            #expect(world.cluster[Self.source].isEmpty(of: id))
        }
    }

    @Test("puts an instance whose old host is gone into ERROR on the new one")
    func reverted() async throws {
        try await TwinWorld().run { world in
            try await TwinResizeTests.build(world)
            try await TwinResizeTests.resize(world)
            world.remove(Self.source)
            try await TwinResizeTests.revert(world)
            let row = try #require(try await world[Self.target].row(id))
            #expect(row.instance.host == Self.target)
            #expect(row.instance.vmState == .error)
            #expect(row.instance.taskState == nil)
            #expect(world.events().last == "revert_resize")
        }
    }

    @Test("leaves an instance resized that is confirmed where its old host is gone")
    func confirmed() async throws {
        try await TwinWorld().run { world in
            try await TwinResizeTests.build(world)
            try await TwinResizeTests.resize(world)
            world.remove(Self.source)
            let instance = try await TwinResizeTests.seen(world, on: Self.target)
            try await world.perform(
                "confirm_resize", on: Self.target, ["instance": .object(instance), "migration_id": 1])
            let row = try #require(try await world[Self.target].row(id))
            #expect(row.instance.vmState == .resized)
            #expect(row.migration != nil)
            #expect(world.events().last == "confirm_resize")
        }
    }

    @Test("A confirmation that arrives on the new host is passed on to the old one")
    func passedOn() async throws {
        try await TwinWorld().run { world in
            try await TwinResizeTests.build(world)
            try await TwinResizeTests.resize(world)
            let instance = try await TwinResizeTests.seen(world, on: Self.target)
            try await world.perform(
                "confirm_resize", on: Self.target, ["instance": .object(instance), "migration_id": 1])
            let row = try #require(try await world[Self.target].row(id))
            #expect(row.instance.vmState == .active)
            #expect(row.migration == nil)
            #expect(row.pendingCast == nil)
            #expect(world.cluster[Self.source].isEmpty(of: id))
            #expect(try await world[Self.source].row(id) == nil)
        }
    }

    @Test(
        "What acts on an instance is refused on the host that it was handed over by",
        arguments: ["start_instance", "reboot_instance", "stop_instance"])
    func refused(_ method: String) async throws {
        try await TwinWorld().run { world in
            try await TwinResizeTests.build(world)
            try await TwinResizeTests.resize(world)
            world.forgetEvents()
            let before = try await world[Self.source].row(id)
            try await world.perform(method, on: Self.source, ["instance": .object(Requests.instance)])
            #expect(world.events() == [method])
            #expect(world.allEvents.last?.event["payload"]?["exception"]?["kind"] == "instanceNotFound")
            #expect(try await world[Self.source].row(id) == before)
            #expect(world.cluster.running(id) == [Self.target])
        }
    }
}
