// SPDX-License-Identifier: Apache-2.0

import ComputeDriver
@testable import ComputeManager
import ComputeModel
import FakeDriver
import Testing
import WorkerStore

@Suite("Volumes of an instance", .timeLimit(.minutes(1)))
struct VolumeOperationsTests {
    private let id = InstanceID(bits: Requests.instanceID)
    private static let volume = "3a5e9a52-3ad3-4a0c-9e50-4f5f1ee2b0aa"

    private static let attach = Requests.of(
        Requests.id, "attach_volume", ["volume_id": .string(volume), "mountpoint": "/dev/vdb"], message: "a")
    private static let detach = Requests.of(
        Requests.id, "detach_volume", ["volume_id": .string(volume)], message: "d")

    private static func reserve(_ device: JSONValue = .null) -> [UInt8] {
        Requests.of(Requests.id, "reserve_block_device_name", ["device": device], message: "r")
    }

    private func replies(_ fixture: ManagerFixture) async throws -> [JSONValue] {
        try await fixture.outbox().filter { $0.kind == .reply }.map { try JSONParser.parse($0.body) }
    }

    private func devices(_ fixture: ManagerFixture) async throws -> [BlockDevices.Element] {
        try await fixture.store.read { try $0.instance(id) }.map { BlockDevices($0).elements } ?? []
    }

    @Test("Names are held in the order of the letters, with the root device's prefix; one that is taken is refused")
    func reserve() async throws {
        let fixture = try ManagerFixture()
        try await fixture.run {
            try await fixture.perform($0, Requests.run())
            for asked: JSONValue in [.null, .null, "/dev/sdf", "/dev/vdb", "/dev/../etc", "vdc"] {
                try await fixture.perform($0, Self.reserve(asked))
            }
        }
        #expect(
            try await replies(fixture) == [
                ["result": "/dev/vdb", "failure": nil], ["result": "/dev/vdc", "failure": nil],
                ["result": "/dev/vdf", "failure": nil], ["result": nil, "failure": "devicePathInUse"],
                ["result": nil, "failure": "invalidDevicePath"], ["result": nil, "failure": "devicePathInUse"],
            ])
        #expect(try await devices(fixture).map(\.deviceName) == ["/dev/vdb", "/dev/vdc", "/dev/vdf"])
        #expect(try await fixture.instance(id)?.vmState == .active)
        await fixture.close()
    }

    @Test("Where nobody has named the root device it is the first, and no other gets its name", arguments: ["", nil])
    func reserveBesideUnnamedRoot(root: String?) async throws {
        let fixture = try ManagerFixture()
        try await fixture.run {
            try await fixture.perform($0, Requests.run { $0["root_device_name"] = JSONValue(root) })
            for asked: JSONValue in [.null, "/dev/vda"] { try await fixture.perform($0, Self.reserve(asked)) }
        }
        #expect(
            try await replies(fixture) == [
                ["result": "/dev/vdb", "failure": nil], ["result": nil, "failure": "devicePathInUse"],
            ])
        await fixture.close()
    }

    @Test("A device that was plugged in before the worker came keeps its name, asked for or not")
    func reserveBesideForeignDevice() async throws {
        let fixture = try ManagerFixture()
        try await fixture.run { [self] in
            try await fixture.perform($0, Requests.run())
            let foreign = BlockDevice(volumeID: "foreign", deviceName: "/dev/vdb", connection: Secret([:]))
            try await fixture.driver.attachVolume(foreign, to: try #require(try await fixture.instance(id)))
            try await fixture.store.write { try $0.remove(id) }
            for asked: JSONValue in [.null, "/dev/vdb", "/dev/vde", .null] {
                try await fixture.perform($0, Self.reserve(asked))
            }
        }
        #expect(
            try await replies(fixture) == [
                ["result": "/dev/vdc", "failure": nil], ["result": nil, "failure": "devicePathInUse"],
                ["result": "/dev/vde", "failure": nil], ["result": "/dev/vdd", "failure": nil],
            ])
        await fixture.close()
    }

    @Test("A driver that names no devices leaves it to nova's rule; one that can't be asked holds no name")
    func reserveWithoutNames() async throws {
        let fixture = try ManagerFixture()
        try await fixture.run { try await fixture.perform($0, Requests.run()) }
        try await fixture.run(plain: true) { try await fixture.perform($0, Self.reserve()) }
        fixture.driver.faults.plan(.fail(ComputeFault(.unavailable, "It is away.")), for: .nextDeviceName)
        try await fixture.run { try await fixture.perform($0, Self.reserve()) }
        #expect(
            try await replies(fixture) == [
                ["result": "/dev/vdb", "failure": nil], ["result": nil, "failure": "unavailable"],
            ])
        #expect(try await devices(fixture).map(\.deviceName) == ["/dev/vdb"])
        await fixture.close()
    }

    @Test("A volume is connected, plugged in and told of, in nova's order; unplugged and let go of likewise")
    func attachDetach() async throws {
        let fixture = try ManagerFixture()
        let peers = FakePeers()
        try await fixture.run(peers: peers.peers) { [self] in
            try await fixture.perform($0, Requests.run(), Self.reserve(), Self.attach)
            let held = try await devices(fixture)
            #expect(held.map(\.state) == [.attached])
            #expect(held.first?.connection?.reveal()["serial"]?.string == Self.volume)
            #expect(fixture.driver.guest(id)?.volumes.map(\.deviceName) == ["/dev/vdb"])
            #expect(peers.holders == [Self.volume: id])
            try await fixture.perform($0, Self.detach)
        }
        let asked = peers.calls.filter { $0.hasSuffix(Self.volume) }.map { $0.dropLast(Self.volume.count + 1) }
        #expect(asked == ["initialize_connection", "attach_volume", "terminate_connection", "detach_volume"])
        #expect(try await devices(fixture).isEmpty)
        #expect(fixture.driver.guest(id)?.volumes.isEmpty == true)
        #expect(peers.holders.isEmpty && peers.connected.isEmpty)
        #expect(try await replies(fixture).allSatisfy { $0["failure"] == .null })
        #expect(!fixture.logs.all.contains { $0.contains("CHAP-CANARY") })
        let told = try await fixture.outbox().map { String(decoding: $0.body, as: UTF8.self) }
        #expect(!told.contains { $0.contains("CHAP-CANARY") })
        await fixture.close()
    }

    @Test("A volume of a stopped instance is refused to another before its guest gets it, and is left as it was")
    func anothers() async throws {
        let fixture = try ManagerFixture()
        let peers = FakePeers()
        let other = "00000000-0000-4000-8000-000000000002"
        try await fixture.run(peers: peers.peers) {
            try await fixture.perform(
                $0, Requests.run(), Requests.run(other), Self.attach, Requests.of(Requests.id, "stop_instance"))
            try await fixture.perform(
                $0,
                Requests.of(
                    other, "attach_volume", ["volume_id": .string(Self.volume), "mountpoint": "/dev/vdb"], message: "o"))
        }
        #expect(try await replies(fixture).last?["failure"] == "invalid")
        #expect(fixture.driver.faults.calls(of: .attachVolume) == 1)
        #expect(peers.holders == [Self.volume: id])
        #expect(try await devices(fixture).map(\.state) == [.attached])
        let row = try await fixture.store.read { try $0.instance(InstanceID(other) ?? id) }
        #expect(row.map { BlockDevices($0).elements.isEmpty } == true)
        await fixture.close()
    }

    enum Trouble: String, CaseIterable, Sendable {
        case connection, driver, telling
    }

    @Test("An attachment that fails is taken back in full, its name too, and told", arguments: Trouble.allCases)
    func failure(_ trouble: Trouble) async throws {
        let fixture = try ManagerFixture()
        let peers = FakePeers()
        let fault = ComputeFault(.hypervisorFailure, "It does not.", instance: id)
        switch trouble {
        case .connection: peers.set("initialize_connection", .fault(fault))
        case .driver: fixture.driver.faults.plan(.fail(fault), for: .attachVolume)
        case .telling: peers.set("attach_volume", .fault(fault))
        }
        try await fixture.run(peers: peers.peers) {
            try await fixture.perform($0, Requests.run(), Self.reserve(), Self.attach)
        }
        #expect(try await devices(fixture).isEmpty)
        #expect(fixture.driver.guest(id)?.volumes.isEmpty == true)
        #expect(peers.connected.isEmpty && peers.holders.isEmpty)
        #expect(try await replies(fixture).last?["failure"] == "hypervisorFailure")
        #expect(try await fixture.eventTypes().last == "attach_volume")
        #expect(try await fixture.instance(id)?.vmState == .active)
        await fixture.close()
    }

    @Test("A restart goes on with an attachment from the step that it came to, and does none of it twice")
    func resume() async throws {
        let fixture = try ManagerFixture()
        let peers = FakePeers()
        try await fixture.run(peers: peers.peers) { try await fixture.perform($0, Requests.run()) }
        try await fixture.interrupt(at: .attachVolume, during: Self.attach, peers: peers.peers)
        #expect(try await devices(fixture).map(\.state) == [.attaching])
        try await fixture.restart(peers: peers.peers)
        #expect(try await devices(fixture).map(\.state) == [.attached])
        #expect(peers.calls.count { $0.hasPrefix("initialize_connection") } == 1)
        #expect(fixture.driver.guest(id)?.volumes.count == 1)

        try await fixture.interrupt(at: .detachVolume, during: Self.detach, peers: peers.peers)
        #expect(try await devices(fixture).map(\.state) == [.detaching])
        try await fixture.restart(peers: peers.peers)
        #expect(try await devices(fixture).isEmpty)
        #expect(peers.holders.isEmpty && fixture.driver.guest(id)?.volumes.isEmpty == true)
        await fixture.close()
    }

    @Test("A volume that is refused after a restart may be held by what was heard before it, and is let go of")
    func refusedAfterRestart() async throws {
        let fixture = try ManagerFixture()
        let peers = FakePeers()
        try await fixture.run(peers: peers.peers) { try await fixture.perform($0, Requests.run()) }
        peers.set("attach_volume", .silent)
        try await fixture.run(peers: peers.peers) { manager in
            try await fixture.submit(manager, Self.attach)
            #expect(try await fixture.eventually { peers.holders == [Self.volume: self.id] })
        }
        peers.set("attach_volume", .fault(.invalid("Volume \(Self.volume) is attached already.")))
        try await fixture.restart(peers: peers.peers)
        #expect(peers.calls.count { $0 == "attach_volume \(Self.volume)" } == 2)
        #expect(peers.holders.isEmpty && peers.connected.isEmpty)
        #expect(try await devices(fixture).isEmpty)
        #expect(try await replies(fixture).last?["failure"] == "invalid")
        await fixture.close()
    }

    @Test("What can't be taken back of an attachment stays in the books, and a delete lets go of it")
    func halfTakenBack() async throws {
        let fixture = try ManagerFixture()
        let peers = FakePeers()
        let fault = ComputeFault(.hypervisorFailure, "It does not.", instance: id)
        peers.set("attach_volume", .fault(fault))
        fixture.driver.faults.plan(.fail(fault), for: .detachVolume)
        try await fixture.run(peers: peers.peers) { [self] in
            try await fixture.perform($0, Requests.run(), Self.attach)
            #expect(try await devices(fixture).map(\.state) == [.attaching])
            #expect(peers.connected == [Self.volume])
            try await fixture.perform($0, Requests.of(Requests.id, "terminate_instance"))
        }
        #expect(peers.connected.isEmpty)
        #expect(try await fixture.instance(id) == nil)
        await fixture.close()
    }

    private static let remove = Requests.of(
        Requests.id, "remove_volume_connection", ["volume_id": .string(volume)], message: "c")

    @Test("A connection is ended where the instance is not, and where it is the guest lets go first")
    func removeConnection() async throws {
        let fixture = try ManagerFixture()
        let peers = FakePeers()
        try await fixture.run(peers: peers.peers) { [self] in
            try await fixture.perform($0, Self.remove)
            #expect(peers.calls == ["terminate_connection \(Self.volume)"])
            #expect(try await fixture.instance(id) == nil)
            try await fixture.perform($0, Requests.run(), Self.attach, Self.remove)
        }
        #expect(try await replies(fixture).allSatisfy { $0["result"] == .null && $0["failure"] == .null })
        #expect(peers.connected.isEmpty && peers.holders == [Self.volume: id])
        #expect(try await devices(fixture).isEmpty)
        #expect(fixture.driver.guest(id)?.volumes.isEmpty == true)
        await fixture.close()
    }

    @Test("A volume that is gone is no failure of ending its connection; after a restart it is ended again")
    func removeConnectionAgain() async throws {
        let fixture = try ManagerFixture()
        let peers = FakePeers()
        try await fixture.run(peers: peers.peers) {
            try await fixture.perform($0, Requests.run(), Self.attach)
        }
        try await fixture.interrupt(at: .detachVolume, during: Self.remove, peers: peers.peers)
        peers.set("terminate_connection", .fault(ComputeFault(.volumeNotFound, "It is gone.")))
        try await fixture.restart(peers: peers.peers)
        #expect(try await replies(fixture).last?["failure"] == .null)
        #expect(try await devices(fixture).isEmpty)
        await fixture.close()
    }

    @Test("A volume that is gone can be detached")
    func detachGone() async throws {
        let fixture = try ManagerFixture()
        let peers = FakePeers()
        try await fixture.run(peers: peers.peers) {
            try await fixture.perform($0, Requests.run(), Self.attach)
            peers.set("terminate_connection", .fault(ComputeFault(.volumeNotFound, "It is gone.")))
            try await fixture.perform($0, Self.detach)
        }
        #expect(try await replies(fixture).last?["failure"] == .null)
        #expect(try await devices(fixture).isEmpty)
        await fixture.close()
    }

    @Test("A guest that does not let go keeps its volume")
    func rollDetaching() async throws {
        let fixture = try ManagerFixture()
        let peers = FakePeers()
        fixture.driver.faults.plan(.fail(ComputeFault(.hypervisorFailure, "It is in use.")), for: .detachVolume)
        try await fixture.run(peers: peers.peers) {
            try await fixture.perform($0, Requests.run(), Self.attach, Self.detach)
        }
        #expect(try await devices(fixture).map(\.state) == [.attached])
        #expect(peers.holders == [Self.volume: id] && peers.connected == [Self.volume])
        await fixture.close()
    }

    @Test("What a driver can't do is refused before anybody is asked; so are an unknown volume and a name in use")
    func refusals() async throws {
        let fixture = try ManagerFixture()
        let peers = FakePeers()
        try await fixture.run(peers: peers.peers) { try await fixture.perform($0, Requests.run()) }
        try await fixture.run(plain: true, peers: peers.peers) { try await fixture.perform($0, Self.attach) }
        #expect(try await replies(fixture).last?["failure"] == "unsupportedOperation")
        #expect(!peers.calls.contains { $0.hasSuffix(Self.volume) })
        try await fixture.run(peers: peers.peers) {
            try await fixture.perform($0, Self.detach)
            try await fixture.perform($0, Self.attach)
            let other = Requests.of(
                Requests.id, "attach_volume", ["volume_id": "another", "mountpoint": "/dev/vdb"], message: "o")
            try await fixture.perform($0, other)
            try await fixture.perform($0, Self.attach)
        }
        let failures = try await replies(fixture).suffix(4).map { $0["failure"]?.string }
        #expect(failures == ["volumeNotFound", nil, "devicePathInUse", "invalid"])
        #expect(!peers.calls.contains { $0.hasSuffix("another") }, "\(peers.calls)")
        await fixture.close()
    }
}
