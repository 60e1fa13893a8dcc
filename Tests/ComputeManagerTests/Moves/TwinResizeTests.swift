// SPDX-License-Identifier: Apache-2.0

@testable import ComputeManager
import ComputeModel
import Synchronization
import Testing
import WorkerStore

@Suite("Two workers resize an instance", .timeLimit(.minutes(3)))
struct TwinResizeTests {
    private static let source = TwinWorld.source
    private static let target = TwinWorld.target
    private let id = InstanceID(bits: Requests.instanceID)

    static let flavor: JSONObject = [
        "id": 2, "name": "m1.small", "memory_mb": 2048, "vcpus": 2, "root_gb": 20, "ephemeral_gb": 0,
    ]

    /// Builds the instance on the source.
    static func build(_ world: TwinWorld) async throws {
        try await world.perform("run_instance", on: source, ["instance": .object(Requests.instance)])
        world.forgetEvents()
    }

    /// The instance as the API has it.
    static func seen(
        _ world: TwinWorld, on host: String, _ change: (inout JSONObject) -> Void = { _ in }
    ) async throws -> JSONObject {
        var fields = try #require(try await world[host].row(InstanceID(bits: Requests.instanceID))).instance.fields
        change(&fields)
        return fields
    }

    static func resize(
        _ world: TwinWorld, from source: String = source, to target: String = target,
        _ change: (inout JSONObject) -> Void = { _ in }
    ) async throws {
        let instance = try await seen(world, on: source) {
            $0["task_state"] = "resize_prep"
            change(&$0)
        }
        try await world.perform(
            "prep_resize", on: target,
            ["instance": .object(instance), "instance_type": .object(flavor), "image": nil, "reservations": nil])
    }

    static func confirm(
        _ world: TwinWorld, from source: String = source, to target: String = target
    ) async throws {
        let instance = try await seen(world, on: target) { $0["vm_state"] = "active" }
        try await world.perform("confirm_resize", on: source, ["instance": .object(instance), "migration_id": 1])
    }

    static func revert(_ world: TwinWorld, to target: String = target) async throws {
        let instance = try await seen(world, on: target) { $0["task_state"] = "resize_reverting" }
        try await world.perform("revert_resize", on: target, ["instance": .object(instance), "migration_id": 1])
    }

    @Test("A resized instance runs on its new host in its new size, and waits on the old one for what is decided")
    func resized() async throws {
        try await TwinWorld().run { world in
            try await Self.build(world)
            try await Self.resize(world)
            #expect(world.cluster.running(id) == [Self.target])
            #expect(world.cluster[Self.source].kept[id] != nil)
            #expect(
                world.events() == [
                    "exists", "resize.prep.start", "resize.prep.end", "resize.start", "resize.end",
                    "finish_resize.start", "finish_resize.end",
                ])
            let row = try #require(try await world[Self.target].row(id))
            #expect(row.instance.vmState == .resized)
            #expect(row.instance.taskState == nil)
            #expect(row.instance.memoryMiB == 2048)
            #expect(row.instance.host == Self.target)
            #expect(row.migration?.status == .finished)
            #expect(row.details["worker_details"] == nil)
            let left = try #require(try await world[Self.source].row(id))
            #expect(left.instance.host == Self.target)
            #expect(left.isElsewhere(than: Self.source))
        }
    }

    @Test("A confirmed resize leaves nothing on the old host, and an active instance on the new one")
    func confirmed() async throws {
        try await TwinWorld().run { world in
            try await Self.build(world)
            try await Self.resize(world)
            world.forgetEvents()
            try await Self.confirm(world)
            #expect(world.events() == ["resize.confirm.start", "resize.confirm.end"])
            try await expectConfirmed(world)
        }
    }

    private func expectConfirmed(_ world: TwinWorld, _ comment: Comment? = nil) async throws {
        #expect(world.cluster.running(id) == [Self.target], comment)
        #expect(world.cluster[Self.source].isEmpty(of: id), comment)
        #expect(try await world[Self.source].row(id) == nil, comment)
        #expect(try await world[Self.source].resources(id).isEmpty, comment)
        let row = try #require(try await world[Self.target].row(id), comment)
        #expect(row.instance.vmState == .active, comment)
        #expect(row.instance.taskState == nil, comment)
        #expect(row.instance.memoryMiB == 2048, comment)
        #expect(row.migration == nil, comment)
        #expect(row.pendingCast == nil, comment)
    }

    /// What a client sends that has not heard of the resize.
    private static func age(_ fields: inout JSONObject) {
        for key in ["memory_mb", "vcpus", "root_gb", "instance_type", "instance_type_id"] {
            fields[key] = Requests.instance[key]
        }
    }

    @Test("A client that has not heard of a resize does not bring the old size back, into no row and no event")
    func unheard() async throws {
        try await TwinWorld().run { world in
            try await Self.build(world)
            try await Self.resize(world)
            try await Self.confirm(world)
            world.forgetEvents()
            let stale = try await Self.seen(world, on: Self.target, Self.age)
            try await world.perform(
                "reboot_instance", on: Self.target, ["instance": .object(stale), "reboot_type": "HARD"])
            try await expectConfirmed(world)
            let row = try #require(try await world[Self.target].row(id))
            #expect(row.instance.flavorName == "m1.small")
            #expect(row.instance.fields["instance_type_id"] == 2)
            #expect(world.events() == ["reboot.start", "reboot.end"])
            for event in world.allEvents { #expect(event.event["payload"]?["memory_mb"] == 2048) }
        }
    }

    @Test("Nor does it come back where such a client's own resize is reverted")
    func unheardReverted() async throws {
        try await TwinWorld().run { world in
            try await Self.build(world)
            try await Self.resize(world)
            try await Self.confirm(world)
            try await Self.resize(world, from: Self.target, to: Self.source, Self.age)
            #expect(world.cluster.running(id) == [Self.source])
            try await Self.revert(world, to: Self.source)
            try await expectConfirmed(world)
            #expect(try await world[Self.target].row(id)?.instance.flavorName == "m1.small")
        }
    }

    @Test("Each cast to the other worker stands in the journal of its request, with what became of it")
    func traces() async throws {
        try await TwinWorld().run { world in
            try await Self.build(world)
            try await Self.resize(world)
            try await Self.confirm(world)
            #expect(try await world[Self.target].castTraces() == ["compute.compute1 resize_instance sent"])
            #expect(
                try await world[Self.source].castTraces() == [
                    "compute.compute2 finish_resize sent", "compute.compute2 confirm_resize sent",
                ])
            world.remove(Self.source)
            let instance = try await Self.seen(world, on: Self.target) { fields in
                fields["task_state"] = "resize_prep"
                fields["host"] = .string(Self.source)
            }
            try await world[Self.target].change(id) { $0.instance.host = Self.source }
            try await world.perform(
                "prep_resize", on: Self.target,
                ["instance": .object(instance), "instance_type": .object(Self.flavor)])
            #expect(
                try await world[Self.target].castTraces().last
                    == "compute.compute1 resize_instance unroutable: no queue for compute1")
        }
    }

    @Test("A reverted resize leaves nothing on the new host, and the instance in its old size on the old one")
    func reverted() async throws {
        try await TwinWorld().run { world in
            try await Self.build(world)
            try await Self.resize(world)
            world.forgetEvents()
            try await Self.revert(world)
            #expect(world.events() == ["resize.revert.start", "resize.revert.end"])
            try await expectReverted(world)
        }
    }

    private func expectReverted(_ world: TwinWorld, _ comment: Comment? = nil) async throws {
        #expect(world.cluster.running(id) == [Self.source], comment)
        #expect(world.cluster[Self.target].isEmpty(of: id), comment)
        #expect(world.cluster[Self.source].kept.isEmpty, comment)
        #expect(try await world[Self.target].row(id) == nil, comment)
        #expect(try await world[Self.target].resources(id).isEmpty, comment)
        let row = try #require(try await world[Self.source].row(id), comment)
        #expect(row.instance.vmState == .active, comment)
        #expect(row.instance.taskState == nil, comment)
        #expect(row.instance.memoryMiB == 512, comment)
        #expect(row.instance.host == Self.source, comment)
        #expect(row.migration == nil, comment)
    }

    @Test("A worker that dies at any moment of a resize and its confirmation goes on: it ends right, told once")
    func confirmedThroughDeaths() async throws {
        try await dyingEverywhere({ try await Self.confirm($0) }) { world, comment in
            try await expectConfirmed(world, comment)
            #expect(
                world.events().sorted() == [
                    "exists", "finish_resize.end", "finish_resize.start", "resize.confirm.end",
                    "resize.confirm.start", "resize.end", "resize.prep.end", "resize.prep.start", "resize.start",
                ], comment)
        }
    }

    @Test("A worker that dies at any moment of a resize and its reversal goes on: it ends right, told once")
    func revertedThroughDeaths() async throws {
        try await dyingEverywhere({ try await Self.revert($0) }) { world, comment in
            try await expectReverted(world, comment)
            #expect(
                world.events().sorted() == [
                    "exists", "finish_resize.end", "finish_resize.start", "resize.end", "resize.prep.end",
                    "resize.prep.start", "resize.revert.end", "resize.revert.start", "resize.start",
                ], comment)
        }
    }

    /// Plays the history once undisturbed, then once for each of its moments with a death there.
    private func dyingEverywhere(
        _ end: @escaping @Sendable (TwinWorld) async throws -> Void,
        _ check: @escaping @Sendable (TwinWorld, Comment) async throws -> Void
    ) async throws {
        let undisturbed = try TwinWorld()
        let moments = Mutex(0)
        try await undisturbed.run { world in
            try await Self.build(world)
            world.crash.arm(at: nil) { _ in }
            try await Self.resize(world)
            try await end(world)
            moments.withLock { $0 = world.crash.count }
        }
        let count = moments.withLock { $0 }
        #expect(count > 20)
        for moment in 1...count {
            try await TwinWorld().run { world in
                try await Self.build(world)
                world.crash.arm(at: moment) { host in try? world[host].kill() }
                try await Self.resize(world)
                try await end(world)
                let fatal = world.crash.names.dropFirst(moment - 1).first ?? "?"
                try await check(world, "death \(moment) of \(count), \(fatal)")
            }
        }
    }
}
