// SPDX-License-Identifier: Apache-2.0

import ComputeDriver
import ComputeModel
import Foundation
import LibvirtDriver
import TestSupport
import Testing

@Suite("Resizing real guests", .serialized, .timeLimit(.minutes(3)))
struct ResizeTests {
    private static let small: JSONObject = ["id": 1, "name": "small", "memory_mb": 16, "vcpus": 1, "root_gb": 0]
    private static let large: JSONObject = ["id": 2, "name": "large", "memory_mb": 32, "vcpus": 2, "root_gb": 1]

    private func migration(
        from source: String = "localhost", to destination: String = "localhost", old: JSONObject = small,
        new: JSONObject = large
    ) -> Migration {
        Migration(
            id: 7, sourceHost: source, destinationHost: destination, destinationAddress: "127.0.0.1", oldFlavor: old,
            newFlavor: new, status: .migrating)
    }

    private func resized(_ instance: Instance) throws -> Instance {
        var fields = instance.fields
        fields["memory_mb"] = 32
        fields["vcpus"] = 2
        fields["root_gb"] = 1
        return try Instance(fields: fields)
    }

    private func directories(_ path: String) throws -> Set<String> {
        Set(try FileManager.default.contentsOfDirectory(atPath: path))
    }

    /// Writes to a disk that is at rest, and sees later whether it is the same one.
    private func mark(_ disk: String) throws {
        let tool = Process()
        tool.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        tool.arguments = ["qemu-io", "-f", "qcow2", "-c", "write -P 0x77 65536 4096", disk]
        tool.standardOutput = FileHandle.nullDevice
        try tool.run()
        tool.waitUntilExit()
        try #require(tool.terminationStatus == 0)
    }

    private func isMarked(_ disk: String) throws -> Bool {
        let tool = Process()
        tool.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        tool.arguments = ["qemu-io", "-r", "-U", "-f", "qcow2", "-c", "read -P 0x77 65536 4096", disk]
        tool.standardOutput = FileHandle.nullDevice
        try tool.run()
        tool.waitUntilExit()
        return tool.terminationStatus == 0
    }

    @Test("a guest gets its new size on the same host with its disk's bytes, and keeps them when it is confirmed")
    func confirm() async throws {
        try await Guests.withDriver { driver, server async throws in
            let instance = try Guests.newInstance()
            try await driver.spawn(Guests.request(instance, server))
            let instances = server.directory.appending(path: "instances").path
            let disk = "\(instances)/\(instance.id)/disk"
            try await driver.powerOff(instance)
            try mark(disk)
            try await driver.powerOn(instance)
            let transfer = try await driver.migrateDiskAndPowerOff(
                MigrateDiskRequest(instance: instance, migration: migration()))
            #expect(try await driver.info(instance.id).powerState == .shutdown)
            #expect(try directories(instances) == ["\(instance.id)", "\(instance.id)_resize"])
            #expect(transfer.text?.contains("\"virt_disk_size\":1048576") == true)
            let again = try await driver.migrateDiskAndPowerOff(
                MigrateDiskRequest(instance: instance, migration: migration()))
            #expect(again == transfer)
            let larger = try resized(instance)
            let description = "\(instances)/\(instance.id)/libvirt.xml"
            let came = try String(contentsOfFile: description, encoding: .utf8)
            var boots: Set<String> = []
            for isCutOff in [false, false, true] {
                // As a worker leaves it that dies between the start of the guest and the end.
                if isCutOff { try came.write(toFile: description, atomically: true, encoding: .utf8) }
                try await driver.finishMigration(
                    FinishMigrationRequest(
                        instance: larger, migration: migration(), transfer: transfer, isResized: true))
                let info = try await driver.info(instance.id)
                #expect(info.powerState == .running && info.memory == .mib(32) && info.vcpus == 2)
                #expect(!FileManager.default.fileExists(atPath: description))
                boots.insert("\(String(describing: info.bootIdentity))")
            }
            #expect(boots.count == 1)
            await #expect {
                try await driver.migrateDiskAndPowerOff(MigrateDiskRequest(instance: larger, migration: migration()))
            } throws: { ($0 as? ComputeFault)?.kind == .instanceInvalidState }
            try await driver.powerOff(instance)
            #expect(try await server.virsh("domblkinfo", instance.id.description, "vda").contains("1073741824"))
            let document = try await server.virsh("dumpxml", instance.id.description)
            #expect(document.contains("<nova:memory>32</nova:memory>"))
            #expect(try isMarked(disk))
            #expect(FileManager.default.createFile(atPath: description, contents: Data(document.utf8)))
            for _ in 0..<2 {
                try await driver.confirmMigration(MigrationRequest(instance: larger, migration: migration()))
                #expect(try directories(instances) == ["\(instance.id)"])
            }
            #expect(!FileManager.default.fileExists(atPath: description))
            try await driver.powerOn(larger)
            #expect(try directories("\(instances)/\(instance.id)").isSuperset(of: ["disk", "console.log"]))
            try await driver.destroy(larger)
            #expect(try directories(instances).isEmpty)
        }
    }

    @Test("a guest goes back to the size and the disk that it had, also when its new half is destroyed before")
    func revert() async throws {
        try await Guests.withDriver { driver, server async throws in
            let instance = try Guests.newInstance()
            try await driver.spawn(Guests.request(instance, server))
            let id = instance.id.description
            let before = try await server.virsh("dumpxml", id, "--inactive")
            let instances = server.directory.appending(path: "instances").path
            let transfer = try await driver.migrateDiskAndPowerOff(
                MigrateDiskRequest(instance: instance, migration: migration()))
            var larger = try resized(instance)
            try await driver.finishMigration(
                FinishMigrationRequest(instance: larger, migration: migration(), transfer: transfer, isResized: true))
            try await driver.destroy(larger)
            #expect(try directories(instances) == ["\(instance.id)_resize"])
            for _ in 0..<2 {
                try await driver.finishRevertMigration(MigrationRequest(instance: instance, migration: migration()))
                #expect(try await driver.info(instance.id).powerState == .running)
                #expect(try await driver.info(instance.id).memory == .mib(16))
                #expect(try await server.virsh("dumpxml", id, "--inactive") == before)
                #expect(try directories(instances) == ["\(instance.id)"])
                #expect(try directories("\(instances)/\(instance.id)") == ["disk", "console.log"])
            }
            // A delete in the middle leaves nothing of either.
            _ = try await driver.migrateDiskAndPowerOff(MigrateDiskRequest(instance: instance, migration: migration()))
            larger.taskState = .deleting
            try await driver.destroy(larger)
            #expect(try directories(instances).isEmpty)
        }
    }

    @Test("what can't be is refused before the guest is stopped: other storage, a smaller disk, saved memory")
    func refused() async throws {
        try await Guests.withDriver { driver, server async throws in
            let instance = try Guests.newInstance(["root_gb": 2])
            try await driver.spawn(Guests.request(instance, server))
            let boot = try await driver.info(instance.id).bootIdentity
            var old = Self.large
            old["root_gb"] = 2
            let wishes = [migration(to: "elsewhere"), migration(old: old, new: Self.large)]
            for wish in wishes {
                await #expect {
                    try await driver.migrateDiskAndPowerOff(MigrateDiskRequest(instance: instance, migration: wish))
                } throws: { ($0 as? ComputeFault)?.kind == .migrationFailure }
            }
            #expect(try await driver.info(instance.id).bootIdentity == boot)
            let nobody = try Guests.newInstance()
            await #expect {
                try await driver.finishMigration(
                    FinishMigrationRequest(
                        instance: nobody, migration: migration(), transfer: DiskTransfer(nil), isResized: true))
            } throws: { ($0 as? ComputeFault)?.kind == .migrationFailure }
            try await driver.suspend(instance)
            await #expect {
                try await driver.migrateDiskAndPowerOff(
                    MigrateDiskRequest(instance: instance, migration: migration(old: old, new: old)))
            } throws: { ($0 as? ComputeFault)?.kind == .instanceInvalidState }
            try await driver.resume(instance)
            #expect(try await driver.info(instance.id).powerState == .running)
        }
    }

    @Test("a move of disks that fails or is cancelled leaves the guest running as it was")
    func failures() async throws {
        try await Guests.withDriver { driver, server async throws in
            let instance = try Guests.newInstance()
            try await driver.spawn(Guests.request(instance, server))
            let instances = server.directory.appending(path: "instances").path
            let disk = "\(instances)/\(instance.id)/disk"
            try await driver.powerOff(instance)
            try mark(disk)
            try await driver.powerOn(instance)
            let migration = migration()
            let result = await Guests.cancelled {
                try await driver.migrateDiskAndPowerOff(
                    MigrateDiskRequest(instance: instance, migration: migration, progress: $0))
            }
            switch result {
            case .success: Issue.record("it moved")
            case .failure(let error): #expect(error is CancellationError, "\(error)")
            }
            #expect(try await driver.info(instance.id).powerState == .running)
            #expect(try directories(instances) == ["\(instance.id)"])
            #expect(try isMarked(disk))

            // With the disks moved it comes too late.
            let late = await Guests.cancelled(atEnd: true) {
                try await driver.migrateDiskAndPowerOff(
                    MigrateDiskRequest(instance: instance, migration: migration, progress: $0))
            }
            #expect(try late.get().text?.contains(disk) == true)
        }
    }

    @Test("a guest moves to a host that sees the same directory, and back; neither removes what is the other's")
    func twoHosts() async throws {
        try await TwoHosts.with(shared: true) { hosts async throws in
            let instance = try Guests.newInstance()
            try await hosts.first.spawn(SpawnRequest(instance: instance, image: hosts.image))
            let there = migration(from: "host-1", to: "host-2")
            for isConfirmed in [false, true] {
                let transfer = try await hosts.first.migrateDiskAndPowerOff(
                    MigrateDiskRequest(instance: instance, migration: there))
                let larger = try resized(instance)
                try await hosts.second.finishMigration(
                    FinishMigrationRequest(instance: larger, migration: there, transfer: transfer, isResized: true))
                #expect(try await hosts.second.info(instance.id).memory == .mib(32))
                if isConfirmed {
                    try await hosts.first.confirmMigration(MigrationRequest(instance: larger, migration: there))
                    #expect(try await hosts.first.instances().isEmpty)
                    try await hosts.first.destroy(larger)
                    #expect(try await hosts.second.info(instance.id).powerState == .running)
                    try await hosts.second.powerOff(larger)
                    try await hosts.second.powerOn(larger)
                } else {
                    try await hosts.second.destroy(larger)
                    try await hosts.first.finishRevertMigration(MigrationRequest(instance: instance, migration: there))
                    // A host that hears of the end once more removes nothing.
                    try await hosts.second.destroy(larger)
                    #expect(try await hosts.first.info(instance.id).powerState == .running)
                    try await hosts.first.powerOff(instance)
                    try await hosts.first.powerOn(instance)
                }
            }
            try await hosts.second.destroy(instance)
            #expect(try directories(hosts.instancesPaths[1]).isEmpty)
        }
    }

    @Test("a host that is told to drop a guest that never came spares its files; its own host removes what nobody took")
    func givenUp() async throws {
        try await TwoHosts.with(shared: true) { hosts async throws in
            var instance = try Guests.newInstance()
            instance.host = "host-1"
            try await hosts.first.spawn(SpawnRequest(instance: instance, image: hosts.image))
            try await hosts.second.destroy(instance)
            #expect(FileManager.default.fileExists(atPath: "\(hosts.instancesPaths[0])/\(instance.id)/disk"))
            let there = migration(from: "host-1", to: "host-2")
            _ = try await hosts.first.migrateDiskAndPowerOff(MigrateDiskRequest(instance: instance, migration: there))
            try await hosts.first.finishRevertMigration(MigrationRequest(instance: instance, migration: there))
            #expect(
                try String(contentsOfFile: "\(hosts.instancesPaths[0])/\(instance.id)/host", encoding: .utf8)
                    == "host-1")
            try await hosts.second.destroy(instance)
            #expect(FileManager.default.fileExists(atPath: "\(hosts.instancesPaths[0])/\(instance.id)/disk"))
            _ = try await hosts.first.migrateDiskAndPowerOff(MigrateDiskRequest(instance: instance, migration: there))
            instance.taskState = .deleting
            try await hosts.first.destroy(instance)
            #expect(try directories(hosts.instancesPaths[0]).isEmpty)
        }
    }
}
