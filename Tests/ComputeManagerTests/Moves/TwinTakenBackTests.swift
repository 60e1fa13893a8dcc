// SPDX-License-Identifier: Apache-2.0

import ComputeDriver
@testable import ComputeManager
import ComputeModel
import FakeDriver
import Synchronization
import Testing
import WorkerStore

@Suite("A resize that is given up after its disks were moved", .timeLimit(.minutes(3)))
struct TwinTakenBackTests {
    private static let source = TwinWorld.source
    private static let target = TwinWorld.target
    private let id = InstanceID(bits: Requests.instanceID)

    /// An instance with a volume, whose connection can't be ended once its disks have moved.
    private func build(_ world: TwinWorld) async throws {
        try await TwinResizeTests.build(world)
        try await world[Self.source].change(id) { row in
            var devices = BlockDevices()
            devices.elements = [.init(volumeID: "17", deviceName: "/dev/vdb", state: .attached)]
            devices.write(to: &row)
        }
        try world[Self.source].driver.faults.plan(
            .fail(ComputeFault(.hypervisorFailure, "no")), for: .volumeConnector, call: 1)
    }

    private func expectBack(_ world: TwinWorld, _ comment: Comment? = nil) async throws {
        #expect(world.cluster.running(id) == [Self.source], comment)
        // Nobody's where a death came before anything was moved.
        let directory = try #require(world.cluster.directory(id), comment)
        #expect(directory.owner == nil || directory.owner == Self.source, comment)
        #expect(world.cluster[Self.source].kept.isEmpty, comment)
        #expect(world.cluster[Self.target].isEmpty(of: id), comment)
        let row = try #require(try await world[Self.source].row(id), comment)
        #expect(row.instance.host == Self.source, comment)
        #expect(row.instance.vmState == .error, comment)
        #expect(row.instance.taskState == nil, comment)
        #expect(row.migration == nil, comment)
        #expect(try await world[Self.target].row(id) == nil, comment)
    }

    @Test("is brought back before the destination is told to drop what it got")
    func order() async throws {
        try await TwinWorld().run { world in
            try await build(world)
            let point = try world[Self.source].driver.faults.hang(.finishRevertMigration)
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { try await TwinResizeTests.resize(world) }
                await point.reached()
                // What was told by now has been heard.
                while try !world[Self.source].hasToldAll || !world[Self.target].isIdle {
                    try await Task.sleep(for: .milliseconds(2))
                }
                #expect(try world[Self.target].driver.faults.calls(of: .destroy) == 0)
                point.release()
                try await group.waitForAll()
            }
            try await world.idle()
            #expect(try world[Self.target].driver.faults.calls(of: .destroy) == 1)
            try await expectBack(world)
        }
    }

    @Test("ends there also when a worker dies at any moment of it, and is told once")
    func deaths() async throws {
        let moments = Mutex(0)
        try await TwinWorld().run { world in
            try await build(world)
            world.crash.arm(at: nil) { _ in }
            try await TwinResizeTests.resize(world)
            try await expectBack(world)
            moments.withLock { $0 = world.crash.count }
        }
        let count = moments.withLock { $0 }
        #expect(count > 10)
        for moment in 1...count {
            try await TwinWorld().run { world in
                try await build(world)
                world.crash.arm(at: moment) { host in try? world[host].kill() }
                try await TwinResizeTests.resize(world)
                let fatal = world.crash.names.dropFirst(moment - 1).first ?? "?"
                let comment: Comment = "death \(moment) of \(count), \(fatal)"
                guard world.cluster.running(id) == [Self.source] else {
                    // The fault came once, and to a worker that died of something else.
                    #expect(world.cluster.running(id) == [Self.target], comment)
                    #expect(world.cluster.directory(id)?.owner == Self.target, comment)
                    return
                }
                try await expectBack(world, comment)
                #expect(world.events().filter { $0 == "resize_instance" }.count == 1, comment)
            }
        }
    }
}

@Suite("What becomes of a cast while an operation works on its row", .timeLimit(.minutes(1)))
struct CastFateMergeTests {
    private let id = InstanceID(bits: Requests.instanceID)

    /// A row whose cast is on its way, of which an operation begins a change; the fate of the cast comes, then the
    /// change is written.
    private func merged(_ fate: @escaping @Sendable (inout StoredInstance) -> Bool) async throws -> StoredInstance? {
        let fixture = try ManagerFixture()
        let manager = fixture.makeManager()
        try await fixture.run { try await fixture.perform($0, Requests.run()) }
        let entry = try #require(try await fixture.submit(nil, Requests.of(Requests.id, "confirm_resize")).first)
        let id = id
        let written = try await fixture.store.write { transaction in
            var row = try #require(try transaction.instance(id))
            row.instance.host = "compute2"
            row.migration = Migration(
                id: 7, sourceHost: "compute1", destinationHost: "compute2", destinationAddress: "", oldFlavor: [:],
                newFlavor: [:], status: .finished)
            row.pendingCast = "finish_resize"
            try transaction.save(row)
            var change = InstanceChange(
                row: row, context: .admin(requestID: "req-1"), events: manager.services.events)
            change.amend { $0.details["kept"] = true }
            if fate(&row) { try transaction.save(row) } else { try transaction.remove(id) }
            try CommitPlan(entry: entry.id, journal: .checkpoint([]), change: change, messages: [])
                .apply(to: transaction)
            return try transaction.instance(id)
        }
        await fixture.close()
        return written
    }

    @Test("is not written over")
    func kept() async throws {
        let row = try #require(
            try await merged { row in
                row.pendingCast = nil
                row.instance.host = "compute1"
                return true
            })
        #expect(row.pendingCast == nil)
        #expect(row.instance.host == "compute1")
        #expect(row.details["kept"] == true)
    }

    @Test("a note that went with it does not come back")
    func gone() async throws { #expect(try await merged { _ in false } == nil) }
}
