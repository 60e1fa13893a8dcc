// SPDX-License-Identifier: Apache-2.0

import ComputeDriver
import ComputeManager
import ComputeModel
import FakeDriver
import Foundation
import ImageService
import Testing
import WorkerStore

@Suite("Snapshots and backups", .timeLimit(.minutes(1)))
struct SnapshotTests {
    private let id = InstanceID(bits: Requests.instanceID)

    private static func snapshot(_ image: String, _ arguments: JSONObject = JSONObject()) -> [UInt8] {
        var all = arguments
        all["image_id"] = .string(image)
        return Requests.of(Requests.id, "snapshot_instance", all, message: "m-\(image)")
    }

    private static func backup(_ image: String, keeping rotation: Int, type: String = "daily") -> [UInt8] {
        snapshot(image, ["image_type": "backup", "backup_type": .string(type), "rotation": JSONValue(rotation)])
    }

    private func images(_ fixture: ManagerFixture) -> LocalImageDirectory {
        LocalImageDirectory(path: fixture.directory + "/images")
    }

    private func files(_ fixture: ManagerFixture) throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: fixture.directory + "/images").sorted()
    }

    @Test("A snapshot becomes an image that says whose it is and can be built from")
    func listed() async throws {
        let fixture = try ManagerFixture()
        try await fixture.run { try await fixture.perform($0, Requests.run(), Self.snapshot("image-1")) }
        #expect(try files(fixture) == ["image-1", "image-1.json"])
        let image = try await images(fixture).image("image-1", kernelID: nil, ramdiskID: nil)
        let fields = image.metadata.fields
        #expect(fields["instance_uuid"] == .string(Requests.id))
        #expect(fields["base_image_ref"] == "cirros")
        #expect(fields["image_type"] == "snapshot")
        #expect(fields["image_state"] == "available")
        #expect(fields["status"] == "active")
        #expect(fields["owner"] == "p")
        #expect(try await fixture.instance(id)?.taskState == nil)
        await fixture.close()
    }

    @Test("Of backups the oldest beyond the rotation go; other types, other instances and snapshots stay")
    func rotation() async throws {
        let fixture = try ManagerFixture()
        let other = "f53be0a8-2c05-413b-b16b-7b044ffa6470"
        try await fixture.run { manager in
            try await fixture.perform(manager, Requests.run(), Requests.run(other))
            try await fixture.perform(
                manager, Self.snapshot("snapshot"), Self.backup("weekly", keeping: 1, type: "weekly"),
                Requests.of(
                    other, "snapshot_instance",
                    ["image_id": "other", "image_type": "backup", "backup_type": "daily", "rotation": 1]))
            for number in 1...4 { try await fixture.perform(manager, Self.backup("daily-\(number)", keeping: 2)) }
        }
        let listed = try files(fixture).filter { $0.hasSuffix(".json") }
        #expect(listed == ["daily-3.json", "daily-4.json", "other.json", "snapshot.json", "weekly.json"])
        #expect(try files(fixture).count == 10)
        await fixture.close()
    }

    @Test("A rotation of 0 keeps none")
    func noneKept() async throws {
        let fixture = try ManagerFixture()
        try await fixture.run {
            try await fixture.perform($0, Requests.run(), Self.backup("b1", keeping: 1), Self.backup("b2", keeping: 0))
        }
        #expect(try files(fixture).isEmpty)
        #expect(try await fixture.eventTypes().last == "compute.instance.snapshot.end")
        await fixture.close()
    }

    @Test("A copy that fails leaves no file, clears the task and is told")
    func failure() async throws {
        let fixture = try ManagerFixture()
        fixture.driver.faults.plan(.fail(ComputeFault(.hypervisorFailure, "no")), for: .snapshot)
        try await fixture.run { try await fixture.perform($0, Requests.run(), Self.snapshot("image-1")) }
        #expect(try files(fixture).isEmpty)
        let row = try #require(try await fixture.instance(id))
        #expect(row.taskState == nil)
        #expect(row.vmState == .active)
        #expect(
            try await fixture.eventTypes().suffix(2) == ["compute.instance.snapshot.start", "snapshot_instance"])
        await fixture.close()
    }

    @Test("An image of that id is not touched, and nothing is asked of the driver")
    func taken() async throws {
        let fixture = try ManagerFixture()
        try await fixture.run { manager in
            try await fixture.perform(manager, Requests.run(), Self.snapshot("image-1"))
            try await fixture.perform(manager, Self.snapshot("image-1", ["backup_type": nil]))
        }
        #expect(fixture.driver.faults.calls(of: .snapshot) == 1)
        #expect(try files(fixture) == ["image-1", "image-1.json"])
        let last = try #require(try await fixture.events().last)
        #expect(last["payload"]?["exception"]?["kind"] == "imageUnacceptable")
        await fixture.close()
    }

    @Test("A restart removes a half copy and copies anew")
    func restartDuringCopy() async throws {
        let fixture = try ManagerFixture()
        try await fixture.run { try await fixture.perform($0, Requests.run()) }
        try await fixture.interrupt(at: .snapshot, during: Self.snapshot("image-1"))
        try Data("half".utf8).write(to: URL(fileURLWithPath: fixture.directory + "/images/.image-1.part"))
        try await fixture.restart()
        #expect(try files(fixture) == ["image-1", "image-1.json"])
        #expect(try await fixture.instance(id)?.taskState == nil)
        #expect(
            try await fixture.eventTypes().suffix(2) == [
                "compute.instance.snapshot.start", "compute.instance.snapshot.end",
            ])
        await fixture.close()
    }

    @Test(
        "What a dead worker's copy goes on with is ended by a cancel, and where the copy is given up",
        arguments: [true, false])
    func endedAfterRestart(isCancelled: Bool) async throws {
        let fixture = try ManagerFixture()
        try await fixture.run { try await fixture.perform($0, Requests.run()) }
        try await fixture.interrupt(at: .snapshot, during: Self.snapshot("image-1"))
        fixture.driver.outsideCopy(of: id)
        let entry = try #require(try await fixture.store.read { try $0.unfinished(limit: 9) }.first)
        let attempts = fixture.configuration.maximumAttempts
        try await fixture.store.write { transaction in
            if isCancelled {
                _ = try CancelOutcome.wish(entry.id, in: transaction)
            } else {
                for _ in 0..<attempts { _ = try transaction.countAttempt(entry.id) }
            }
        }
        try await fixture.restart()
        #expect(fixture.driver.guest(id)?.isBeingCopied == false)
        #expect(fixture.driver.faults.calls(of: .snapshot) == 1)
        #expect(try await fixture.finished(entry)?.outcome == (isCancelled ? .cancelled : .failed))
        #expect(try files(fixture).isEmpty)
        #expect(try await fixture.instance(id)?.taskState == nil)
        await fixture.close()
    }

    @Test("An image that was listed before a restart is not made twice")
    func restartAfterCopy() async throws {
        let fixture = try ManagerFixture()
        try await fixture.run { try await fixture.perform($0, Requests.run()) }
        try await fixture.interrupt(at: .snapshot, during: Self.snapshot("image-1"))
        let images = images(fixture)
        let path = try await images.begin("image-1")
        try Data("whole".utf8).write(to: URL(fileURLWithPath: path))
        try await images.publish(
            "image-1", ["disk_format": "raw", "instance_uuid": .string(Requests.id)], at: SystemWallClock().now())
        let calls = fixture.driver.faults.calls(of: .snapshot)
        try await fixture.restart()
        #expect(fixture.driver.faults.calls(of: .snapshot) == calls)
        #expect(try Data(contentsOf: URL(fileURLWithPath: fixture.directory + "/images/image-1")) == Data("whole".utf8))
        #expect(try await fixture.eventTypes().last == "compute.instance.snapshot.end")
        await fixture.close()
    }

    /// How a copy ends that is under way when it is interrupted.
    private func outcome(
        _ fixture: ManagerFixture,
        interruptedBy interrupt: @escaping @Sendable (ComputeManager, JournalID) async throws -> Void
    ) async throws -> JournalOutcome? {
        fixture.driver.faults.plan(.delay(.seconds(3600)), for: .snapshot)
        let entry = try await fixture.run { manager in
            try await fixture.perform(manager, Requests.run())
            let entries = try await fixture.submit(manager, Self.snapshot("image-1"))
            await fixture.clock.sleeper(for: .seconds(3600))
            try await interrupt(manager, entries[0].id)
            await fixture.clock.sleeper(for: fixture.configuration.interruptionGrace)
            fixture.clock.advance(by: fixture.configuration.interruptionGrace)
            await fixture.idle()
            return entries[0]
        }
        return try await fixture.finished(entry)?.outcome
    }

    @Test("A delete cuts a copy short, and no file is left")
    func superseded() async throws {
        let fixture = try ManagerFixture()
        let outcome = try await outcome(fixture) { manager, _ in
            try await fixture.submit(manager, Requests.of(Requests.id, "terminate_instance"))
        }
        #expect(outcome == .superseded)
        #expect(try files(fixture).isEmpty)
        #expect(try await fixture.instance(id) == nil)
        await fixture.close()
    }

    @Test("A copy that an operator cancels ends, and the guest runs on")
    func cancelled() async throws {
        let fixture = try ManagerFixture()
        let outcome = try await outcome(fixture) { manager, entry in _ = try await manager.cancel(entry) }
        #expect(outcome == .cancelled)
        #expect(try files(fixture).isEmpty)
        #expect(try await fixture.driver.info(id).powerState == .running)
        #expect(try await fixture.instance(id)?.taskState == nil)
        await fixture.close()
    }

    @Test(
        "Arguments that can't be right are refused before anything is done",
        arguments: [
            ["image_id": "i", "image_type": "copy"], ["image_type": "snapshot"], ["image_id": ""], ["image_id": 7],
            ["image_id": "i", "image_type": "snapshot", "rotation": 2],
            ["image_id": "i", "image_type": "backup", "backup_type": "daily"],
            ["image_id": "i", "image_type": "backup", "rotation": 2],
            ["image_id": "i", "image_type": "backup", "backup_type": "daily", "rotation": -1],
            ["image_id": "i", "image_type": "backup", "backup_type": "daily", "rotation": [1]],
            ["image_id": "i", "image_type": "backup", "backup_type": "daily", "rotation": "2"],
            ["image_id": "../i"], ["image_id": "i", "surplus": 1],
        ] as [JSONObject])
    func badArguments(_ arguments: JSONObject) async throws {
        let fixture = try ManagerFixture()
        try await fixture.run { manager in
            try await fixture.perform(
                manager, Requests.run(), Requests.of(Requests.id, "snapshot_instance", arguments))
        }
        #expect(fixture.driver.faults.calls(of: .snapshot) == 0)
        #expect(try await fixture.eventTypes().last == "snapshot_instance")
        #expect(try await fixture.instance(id)?.taskState == nil)
        #expect(try files(fixture).isEmpty)
        await fixture.close()
    }
}
