// SPDX-License-Identifier: Apache-2.0

import ComputeDriver
import ComputeModel
import FakeDriver
import Testing
import WorkerStore

@testable import ComputeManager

/// A build and a delete among services that answer, refuse or say nothing.
struct PeerScene {
    static let volume = "0a0a0a0a-0000-4000-8000-00000000000a"

    let fixture: ManagerFixture
    let asked = FakePeers()
    let driver: ConnectedDriver

    init(_ configure: (inout ManagerConfiguration) -> Void = { _ in }) throws {
        fixture = try ManagerFixture(configure)
        driver = ConnectedDriver(plain: PlainDriver(fake: fixture.driver))
    }

    func run<Output: Sendable>(
        _ body: @escaping @Sendable (ComputeManager) async throws -> Output
    ) async throws -> Output {
        try await fixture.run(peers: asked.peers, driver: driver, body)
    }

    /// A build with a volume that goes with the instance.
    static func build(retry: Bool = false) -> [UInt8] {
        var arguments = retry ? Requests.retry : JSONObject()
        arguments["request_spec"] = [
            "instance_uuids": [.string(Requests.id)], "image": ["name": "cirros"],
            "block_device_mapping": [
                ["volume_id": .string(volume), "device_name": "vdb", "delete_on_termination": true]
            ],
        ]
        return Requests.run(Requests.id, arguments)
    }

    static var delete: [UInt8] { Requests.of(Requests.id, "terminate_instance") }

    func row() async throws -> StoredInstance? {
        try await fixture.store.read { try $0.instance(InstanceID(bits: Requests.instanceID)) }
    }

    func traces(_ entry: JournalID = JournalID(1)) async throws -> [PeerCallLine] {
        try await fixture.store.read { try $0.peerCalls(of: entry) }
    }

    /// Waits until a call is under way.
    func awaitCall(_ call: String) async throws {
        while !asked.calls.contains(call) { try await fixture.store.probe() }
    }
}

@Suite("A build that asks other services", .timeLimit(.minutes(1)))
struct PeerBuildTests {
    private let id = InstanceID(bits: Requests.instanceID)
    private let volume = PeerScene.volume

    @Test("it has its addresses and volumes before its guest, in nova's order, and tells of them")
    func build() async throws {
        let scene = try PeerScene()
        try await scene.run { try await scene.fixture.perform($0, PeerScene.build()) }
        #expect(
            scene.asked.calls == [
                "allocate_for_instance", "initialize_connection \(volume)", "attach_volume \(volume)",
            ])
        let request = try #require(scene.driver.notes.all.first)
        #expect(request.networkInfo == [FakePeers.address])
        #expect(request.blockDevices.map(\.deviceName) == ["/dev/vdb"])
        #expect(request.instance.taskState == .spawning)
        #expect(try await scene.fixture.instance(id)?.vmState == .active)
        #expect(try await scene.fixture.resources(id).map(\.kind) == ["directory", "domain", "network", "volumes"])
        let states = try await scene.fixture.events().filter { $0["event_type"] == "compute.instance.update" }
            .compactMap { $0["payload"]?["new_task_state"]?.string }
        #expect(states.suffix(3) == ["networking", "block_device_mapping", "spawning"])
        let end = try #require(try await scene.fixture.events().last)
        #expect(end["event_type"] == "compute.instance.create.end")
        #expect(end["payload"]?["fixed_ips"]?.array?.first?["address"] == "192.0.2.7")
        #expect(try await scene.traces().map(\.outcome) == ["ok", "ok", "ok"])
        #expect(try await scene.traces().map(\.peer) == ["network", "volume", "volume"])
        #expect(try await scene.row()?.guest.blockDevices.first?.isDeletedOnTermination == true)
        #expect(try await scene.fixture.outbox().allSatisfy { !String(decoding: $0.body, as: UTF8.self).contains("CHAP") })
        await scene.fixture.close()
    }

    @Test("where nobody is asked it is two commits after its journal row, and leaves no trace")
    func nobody() async throws {
        let scene = try PeerScene()
        try await scene.fixture.run { manager in
            // What a worker writes once at its start is over with the first.
            try await scene.fixture.perform(manager, Requests.run("00000000-0000-4000-8000-000000000002"))
            let before = scene.fixture.store.levels.commits
            try await scene.fixture.perform(manager, Requests.run())
            #expect(scene.fixture.store.levels.commits - before == 3)
        }
        #expect(try await scene.fixture.instance(id)?.vmState == .active)
        #expect(try await scene.traces().isEmpty && scene.asked.calls.isEmpty)
        await scene.fixture.close()
    }

    @Test("one whose guest can't be made gives all of it back and goes to the scheduler")
    func undone() async throws {
        let scene = try PeerScene()
        scene.fixture.driver.faults.plan(.fail(ComputeFault(.hypervisorFailure, "no")), for: .spawn)
        try await scene.run { try await scene.fixture.perform($0, PeerScene.build(retry: true)) }
        #expect(
            scene.asked.calls.suffix(3) == [
                "terminate_connection \(volume)", "detach_volume \(volume)", "deallocate_for_instance",
            ])
        #expect(scene.asked.addressed.isEmpty && scene.asked.holders.isEmpty && scene.asked.connected.isEmpty)
        #expect(try await scene.fixture.outbox().contains { $0.kind == .cast })
        #expect(try await scene.fixture.resources(id).isEmpty)
        #expect(try await scene.row()?.networkInfo.isEmpty == true)
        await scene.fixture.close()
    }

    @Test("where the addresses can't be given back it does not go elsewhere, but to ERROR, and a delete tries again")
    func notDeallocated() async throws {
        let scene = try PeerScene()
        scene.fixture.driver.faults.plan(.fail(ComputeFault(.hypervisorFailure, "no")), for: .spawn)
        scene.asked.set("deallocate_for_instance", .fault(ComputeFault(.internalError, "broken")))
        try await scene.run { manager in
            try await scene.fixture.perform(manager, PeerScene.build(retry: true))
            #expect(try await scene.fixture.instance(id)?.vmState == .error)
            #expect(try await !scene.fixture.outbox().contains { $0.kind == .cast })
            #expect(try await scene.fixture.resources(id).contains { $0.kind == "network" })
            scene.asked.set("deallocate_for_instance", nil)
            try await scene.fixture.perform(manager, PeerScene.delete)
        }
        #expect(scene.asked.addressed.isEmpty)
        #expect(try await scene.fixture.resources(id).isEmpty)
        await scene.fixture.close()
    }

    @Test("a volume that is another's is not taken from it: it is not detached")
    func refusedVolume() async throws {
        let scene = try PeerScene()
        let other = InstanceID(bits: UniqueBits(high: 1, low: 2))
        scene.asked.hold(volume, by: other)
        try await scene.run { try await scene.fixture.perform($0, PeerScene.build()) }
        #expect(scene.asked.holders == [volume: other])
        #expect(!scene.asked.calls.contains("detach_volume \(volume)"))
        #expect(scene.asked.connected.isEmpty && scene.asked.addressed.isEmpty)
        #expect(try await scene.fixture.instance(id)?.vmState == .error)
        await scene.fixture.close()
    }

    @Test("a volume that was refused is not deleted with the instance, also where the build could not be undone")
    func refusedVolumeStays() async throws {
        let scene = try PeerScene()
        scene.asked.hold(volume, by: InstanceID(bits: UniqueBits(high: 1, low: 2)))
        scene.asked.set("deallocate_for_instance", .fault(ComputeFault(.internalError, "broken")))
        try await scene.run { manager in
            try await scene.fixture.perform(manager, PeerScene.build())
            scene.asked.set("deallocate_for_instance", nil)
            try await scene.fixture.perform(manager, PeerScene.delete)
        }
        #expect(!scene.asked.calls.contains("delete_volume \(volume)"))
        #expect(try await scene.row() == nil && scene.asked.addressed.isEmpty)
        await scene.fixture.close()
    }

    @Test("one that is refused for want of room gives back what an earlier one could not")
    func refusedOverLeftovers() async throws {
        let scene = try PeerScene()
        scene.asked.set("deallocate_for_instance", .fault(ComputeFault(.internalError, "broken")))
        scene.fixture.driver.faults.plan(.fail(ComputeFault(.hypervisorFailure, "no")), for: .spawn)
        try await scene.run { manager in
            try await scene.fixture.perform(manager, Requests.run())
            #expect(!scene.asked.addressed.isEmpty)
            scene.asked.set("deallocate_for_instance", nil)
            let none: JSONObject = ["filter_properties": ["limits": ["memory_mb": 1]]]
            try await scene.fixture.perform(manager, Requests.run(Requests.id, none))
        }
        #expect(scene.asked.addressed.isEmpty)
        #expect(scene.fixture.driver.faults.calls(of: .spawn) == 1)
        #expect(try await scene.fixture.instance(id)?.vmState == .error)
        await scene.fixture.close()
    }

    @Test("a volume whose connection an attempt before a restart may have made is let go of when it is refused")
    func refusedAfterRestart() async throws {
        let scene = try PeerScene()
        scene.asked.set("initialize_connection", .fault(ComputeFault(.invalid, "no")))
        let entry = try #require(try await scene.fixture.submit(nil, PeerScene.build()).first)
        let id = id
        try await scene.fixture.store.write { transaction in
            var row = StoredInstance(
                instance: try Instance(fields: Requests.instance), updatedAt: SystemWallClock().now())
            var devices = BlockDevices(row)
            devices.elements = [
                BlockDevices.Element(
                    volumeID: PeerScene.volume, deviceName: "/dev/vdb", isDeletedOnTermination: true, state: .attaching)
            ]
            devices.write(to: &row)
            row.instance.vmState = .building
            row.instance.taskState = .blockDeviceMapping
            row.instance.host = ManagerFixture.host
            try transaction.save(row)
            try transaction.checkpoint(entry.id, step: try RunInstance.encode(.connectingVolumes))
        }
        scene.asked.hold(PeerScene.volume, by: id)
        try await scene.run { _ in await scene.fixture.idle() }
        #expect(scene.asked.holders.isEmpty)
        #expect(try await scene.fixture.instance(id)?.vmState == .error)
        await scene.fixture.close()
    }

    @Test("an answer that does not come ends it with a fault that says who was asked what, and for how long")
    func silence() async throws {
        let scene = try PeerScene { $0.peerTimeout = .seconds(7) }
        scene.asked.set("allocate_for_instance", .silent)
        let entry = try await scene.run { manager in
            let entry = try #require(try await scene.fixture.submit(manager, PeerScene.build()).first)
            try await scene.awaitCall("allocate_for_instance")
            while try await scene.fixture.finished(entry) == nil { try await scene.fixture.step(by: .seconds(7)) }
            return entry
        }
        let text = "The network service did not answer allocate_for_instance within 7 s; whether it was done is not known."
        #expect(try await scene.fixture.finished(entry)?.lastError == text)
        #expect(try await scene.traces().map(\.outcome) == ["timeout: \(text)", "ok"])
        // What may have been given is given back.
        #expect(scene.asked.addressed.isEmpty)
        #expect(try await scene.fixture.instance(id)?.vmState == .error)
        await scene.fixture.close()
    }

    @Test(
        "taken up after a crash it asks for nothing twice",
        arguments: [
            ("allocate_for_instance", FakePeers.Behaviour.silent, "get_instance_nw_info"),
            ("allocate_for_instance", .deaf, "get_instance_nw_info"),
            ("initialize_connection", .silent, "initialize_connection"),
            ("attach_volume", .silent, "initialize_connection"),
        ])
    func resumed(method: String, behaviour: FakePeers.Behaviour, next: String) async throws {
        let scene = try PeerScene()
        scene.asked.set(method, behaviour)
        let call = method == "allocate_for_instance" ? method : "\(method) \(volume)"
        try await scene.run { manager in
            try await scene.fixture.submit(manager, PeerScene.build())
            try await scene.awaitCall(call)
        }
        scene.asked.set(method, nil)
        let before = scene.asked.calls.count
        try await scene.run { _ in await scene.fixture.idle() }
        let after = Array(scene.asked.calls.dropFirst(before))
        #expect(after.first?.hasPrefix(next) == true)
        let given = scene.asked.calls.count { $0 == "allocate_for_instance" }
        if case .deaf = behaviour { #expect(given == 2) } else { #expect(given == 1) }
        #expect(try await scene.fixture.instance(id)?.vmState == .active)
        #expect(scene.asked.holders == [volume: id])
        #expect(scene.driver.notes.all.last?.networkInfo == [FakePeers.address])
        // The call that was cut off has no end.
        #expect(try await scene.traces().contains { $0.outcome == nil && $0.method == method })
        await scene.fixture.close()
    }

    @Test("a worker that ends while a failed build is undone undoes it to the end, and builds nothing")
    func resumedUndo() async throws {
        let scene = try PeerScene()
        scene.fixture.driver.faults.plan(.fail(ComputeFault(.hypervisorFailure, "no")), for: .spawn)
        scene.asked.set("deallocate_for_instance", .silent)
        try await scene.run { manager in
            try await scene.fixture.submit(manager, PeerScene.build(retry: true))
            try await scene.awaitCall("deallocate_for_instance")
        }
        scene.asked.set("deallocate_for_instance", nil)
        try await scene.run { _ in await scene.fixture.idle() }
        #expect(scene.driver.notes.all.count == 1)
        #expect(scene.asked.calls.count { $0 == "detach_volume \(volume)" } == 1)
        #expect(try await scene.fixture.outbox().contains { $0.kind == .cast })
        #expect(try await scene.fixture.resources(id).isEmpty)
        await scene.fixture.close()
    }
}
