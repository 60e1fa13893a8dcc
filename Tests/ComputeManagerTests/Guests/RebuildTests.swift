// SPDX-License-Identifier: Apache-2.0

import ComputeDriver
import ComputeManager
import ComputeModel
import FakeDriver
import Foundation
import Testing
import WorkerStore

@Suite("Rebuilds", .timeLimit(.minutes(1)))
struct RebuildTests {
    private let id = InstanceID(bits: Requests.instanceID)

    private static func rebuild(
        _ arguments: JSONObject = ["orig_image_ref": "cirros"], image: String = "other"
    ) -> [UInt8] {
        var all = arguments
        all["image_ref"] = .string(image)
        return body(all)
    }

    private static func body(_ arguments: JSONObject) -> [UInt8] {
        var all = arguments
        var instance = Requests.instance
        instance["vm_state"] = "active"
        instance["task_state"] = "rebuilding"
        instance["image_ref"] = all["image_ref"]
        all["instance"] = .object(instance)
        return JSONWriter.bytes(["method": "rebuild_instance", "version": "2.1", "args": .object(all)])
    }

    /// A fixture with two images, of which PlainDriver needs one.
    private func fixture() throws -> ManagerFixture {
        let fixture = try ManagerFixture()
        for (name, size) in [("cirros", 512), ("other", 512), ("large", 2 << 30)] {
            let path = fixture.directory + "/images/\(name)"
            try Data("disk".utf8).write(to: URL(fileURLWithPath: path))
            truncate(path, off_t(size))
            try Data(#"{"name": "\#(name)-name", "disk_format": "raw"}"#.utf8)
                .write(to: URL(fileURLWithPath: path + ".json"))
        }
        return fixture
    }

    @Test("A driver without a way of its own has its guest destroyed and built", arguments: [true, false])
    func destroyAndSpawn(_ plain: Bool) async throws {
        let fixture = try fixture()
        try await fixture.run(plain: plain) { try await fixture.perform($0, Requests.run(), Self.rebuild()) }
        let faults = fixture.driver.faults
        #expect(faults.calls(of: .destroy) == (plain ? 1 : 0))
        #expect(faults.calls(of: .spawn) == (plain ? 2 : 1))
        #expect(faults.calls(of: .rebuild) == (plain ? 0 : 1))
        let row = try #require(try await fixture.instance(id))
        #expect(row.vmState == .active)
        #expect(row.taskState == nil)
        #expect(row.powerState == .running)
        #expect(row.imageRef == "other")
        await fixture.close()
    }

    @Test("The use of the old image is told with its own address and properties, the new one with its name")
    func events() async throws {
        let fixture = try fixture()
        try await fixture.run {
            try await fixture.perform(
                $0, Requests.run(),
                Self.rebuild(["orig_image_ref": "cirros", "orig_sys_metadata": ["image_os": "old", "x": "y"]]))
        }
        let events = try await fixture.events()
        func payload(_ type: String) throws -> JSONValue {
            try #require(events.last { $0["event_type"] == .string("compute.instance.\(type)") }?["payload"])
        }
        let exists = try payload("exists")
        #expect(exists["image_ref_url"] == "http://192.0.2.20:9292/images/cirros")
        #expect(exists["image_meta"] == ["os": "old"])
        for key in ["audit_period_beginning", "audit_period_ending", "bandwidth"] { #expect(exists[key] != nil) }
        let start = try payload("rebuild.start")
        #expect(start["image_name"] == "other-name")
        #expect(start["image_ref_url"] == "http://192.0.2.20:9292/images/other")
        let end = try payload("rebuild.end")
        #expect(end["image_name"] == "other-name")
        #expect(end["fixed_ips"] == [])
        #expect(end["state"] == "active")
        #expect(end["launched_at"] != start["launched_at"])
        await fixture.close()
    }

    @Test(
        "What can't be built is refused while the old guest runs on; nova's ERROR says so",
        arguments: [
            ["image_ref": "missing"], ["image_ref": "large"],
            ["image_ref": "other", "injected_files": [["/etc/motd", "aGVsbG8="]]],
            ["image_ref": "other", "new_pass": "secret"],
        ] as [JSONObject])
    func refused(_ arguments: JSONObject) async throws {
        let fixture = try fixture()
        let id = id
        try await fixture.run(plain: true) { manager in
            try await fixture.perform(manager, Requests.run())
            let boot = try await fixture.driver.info(id).bootIdentity
            try await fixture.perform(manager, Self.body(arguments))
            #expect(try await fixture.driver.info(id).bootIdentity == boot)
        }
        #expect(fixture.driver.faults.calls(of: .destroy) == 0)
        let row = try #require(try await fixture.instance(id))
        #expect(row.vmState == .error)
        #expect(row.taskState == nil)
        #expect(row.imageRef == "cirros")
        #expect(try await fixture.eventTypes().suffix(2) == ["compute.instance.create.end", "rebuild_instance"])
        await fixture.close()
    }

    @Test("Volumes that are attached hinder a driver that can't build with them, before anything is destroyed")
    func volumes() async throws {
        let fixture = try fixture()
        let id = id
        try await fixture.run(plain: true) { manager in
            try await fixture.perform(manager, Requests.run())
            try await fixture.store.write { transaction in
                guard var row = try transaction.instance(id) else { return }
                row.details["block_devices"] = [
                    ["volume_id": "v1", "device_name": "/dev/vdb", "connection_info": [:], "state": "attached"]
                ]
                try transaction.save(row)
            }
            try await fixture.perform(manager, Self.rebuild())
        }
        #expect(fixture.driver.faults.calls(of: .destroy) == 0)
        #expect(try await fixture.driver.info(id).powerState == .running)
        await fixture.close()
    }

    @Test("A build that fails ends in ERROR without a guest, and the task is cleared")
    func failure() async throws {
        let fixture = try fixture()
        fixture.driver.faults.plan(.fail(ComputeFault(.hypervisorFailure, "no")), for: .spawn, call: 2)
        try await fixture.run(plain: true) { try await fixture.perform($0, Requests.run(), Self.rebuild()) }
        let row = try #require(try await fixture.instance(id))
        #expect(row.vmState == .error)
        #expect(row.taskState == nil)
        #expect(try await fixture.driver.instances().isEmpty)
        #expect(try await fixture.resources(id).count == 2)
        #expect(try await fixture.eventTypes().last == "rebuild_instance")
        await fixture.close()
    }

    @Test("What a build that was refused has left is this host's once it is rebuilt, and claimed for")
    func ofNoHost() async throws {
        let fixture = try fixture()
        try await fixture.run(plain: true) { manager in
            let none: JSONObject = ["filter_properties": ["limits": ["memory_mb": 1]]]
            try await fixture.perform(manager, Requests.run(Requests.id, none))
            let refused = try #require(try await fixture.instance(id))
            #expect(refused.vmState == .error && refused.host == nil)
            #expect(fixture.store.levels.claimed == .none)
            try await fixture.perform(manager, Self.rebuild())
        }
        let row = try #require(try await fixture.instance(id))
        #expect(row.vmState == .active && row.host == ManagerFixture.host)
        #expect(fixture.store.levels.claimed == ClaimAmounts(vcpus: 1, memoryMiB: 512, diskGiB: 1))
        await fixture.close()
    }

    @Test("A task that holds the instance makes it fail before anything is destroyed")
    func unexpectedTask() async throws {
        let fixture = try fixture()
        let id = id
        try await fixture.run { manager in
            try await fixture.perform(manager, Requests.run())
            try await fixture.store.write { transaction in
                guard var row = try transaction.instance(id) else { return }
                row.instance.taskState = .pausing
                try transaction.save(row)
            }
            try await fixture.perform(manager, Self.rebuild())
        }
        let row = try #require(try await fixture.instance(id))
        #expect(row.taskState == .pausing)
        #expect(row.imageRef == "cirros")
        #expect(fixture.driver.faults.calls(of: .rebuild) == 0)
        await fixture.close()
    }

    @Test("A restart goes on from wherever it came to, and builds once", arguments: [DriverOperation.destroy, .spawn])
    func restart(_ call: DriverOperation) async throws {
        let fixture = try fixture()
        try await fixture.run(plain: true) { try await fixture.perform($0, Requests.run()) }
        try await fixture.interrupt(at: call, during: Self.rebuild(), plain: true)
        let task = try await fixture.instance(id)?.taskState
        #expect(task == (call == .destroy ? .rebuilding : .rebuildSpawning))
        try await fixture.restart(plain: true)
        #expect(try await fixture.driver.info(id).powerState == .running)
        #expect(try await fixture.instance(id)?.vmState == .active)
        #expect(try await fixture.eventTypes().last == "compute.instance.rebuild.end")
        #expect(try await fixture.eventTypes().filter { $0 == "compute.instance.rebuild.start" }.count == 1)
        await fixture.close()
    }

    @Test("A guest that was built before a restart is not built twice", arguments: [true, false])
    func restartAfter(_ plain: Bool) async throws {
        let fixture = try fixture()
        try await fixture.run(plain: plain) { try await fixture.perform($0, Requests.run()) }
        try await fixture.interrupt(at: plain ? .spawn : .rebuild, during: Self.rebuild(), plain: plain)
        let row = try #require(try await fixture.instance(id))
        if plain {
            try await fixture.driver.spawn(SpawnRequest(instance: row, image: nil))
        } else {
            try await fixture.driver.rebuild(SpawnRequest(instance: row, image: nil))
        }
        let boot = try await fixture.driver.info(id).bootIdentity
        try await fixture.restart(plain: plain)
        #expect(try await fixture.driver.info(id).bootIdentity == boot)
        #expect(try await fixture.instance(id)?.vmState == .active)
        await fixture.close()
    }

    @Test("A rebuild that a driver does in its own way is done again where a restart finds the old guest")
    func restartOwnWay() async throws {
        let fixture = try fixture()
        try await fixture.run { try await fixture.perform($0, Requests.run()) }
        let boot = try await fixture.driver.info(id).bootIdentity
        try await fixture.interrupt(at: .rebuild, during: Self.rebuild())
        try await fixture.restart()
        #expect(try await fixture.driver.info(id).bootIdentity != boot)
        #expect(fixture.driver.faults.calls(of: .destroy) == 0)
        #expect(try await fixture.instance(id)?.vmState == .active)
        await fixture.close()
    }

    @Test("A delete takes its place while the new guest is built")
    func superseded() async throws {
        let fixture = try fixture()
        let point = fixture.driver.faults.hang(.rebuild)
        let entry = try await fixture.run { manager in
            try await fixture.perform(manager, Requests.run())
            let entries = try await fixture.submit(manager, Self.rebuild())
            await point.reached()
            try await fixture.submit(manager, Requests.of(Requests.id, "terminate_instance"))
            point.release()
            await fixture.idle()
            return entries[0]
        }
        #expect(try await fixture.finished(entry)?.outcome == .superseded)
        #expect(try await fixture.instance(id) == nil)
        #expect(try await fixture.driver.instances().isEmpty)
        await fixture.close()
    }

    @Test("A guest that is destroyed and built has its volumes again, and what was asked for besides")
    func wishes() async throws {
        let fixture = try fixture()
        let id = id
        let driver = ConnectedDriver(plain: PlainDriver(fake: fixture.driver))
        try await fixture.run(driver: driver) { manager in
            try await fixture.perform(manager, Requests.run())
            try await fixture.store.write { transaction in
                guard var row = try transaction.instance(id) else { return }
                row.details["block_devices"] = [
                    ["volume_id": "v1", "device_name": "/dev/vdb", "connection_info": [:], "state": "attached"]
                ]
                try transaction.save(row)
            }
            try await fixture.perform(
                manager, Self.rebuild(["injected_files": [["/etc/motd", "aGVsbG8="]], "new_pass": "PASSWORD-CANARY"]))
        }
        let guest = try #require(fixture.driver.guest(id))
        #expect(fixture.driver.faults.calls(of: .spawn) == 2)
        #expect(guest.volumes.map(\.volumeID) == ["v1"])
        #expect(guest.files.reveal().map(\.path) == ["/etc/motd"])
        #expect(guest.adminPassword?.reveal() == "PASSWORD-CANARY")
        #expect(try await fixture.instance(id)?.vmState == .active)
        #expect(
            try await !fixture.outbox().contains { String(decoding: $0.body, as: UTF8.self).contains("PASSWORD-CANARY") })
        await fixture.close()
    }
}
