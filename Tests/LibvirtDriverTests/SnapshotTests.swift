// SPDX-License-Identifier: Apache-2.0

import ComputeDriver
import ComputeModel
import Foundation
import LibvirtDriver
import Synchronization
import TestSupport
import Testing

@Suite("Snapshots and rescues of real guests", .serialized, .timeLimit(.minutes(3)))
struct SnapshotTests {
    /// A directory of its own on another file system where there is one, and the file to be made in it.
    private func target(_ server: LibvirtServer) throws -> String {
        let directory = server.directory.appending(path: "images-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
        return directory.appending(path: "image").path
    }

    private func files(_ server: LibvirtServer, _ instance: Instance) throws -> Set<String> {
        let path = server.directory.appending(path: "instances/\(instance.id)").path
        return Set(try FileManager.default.contentsOfDirectory(atPath: path))
    }

    @Test("a snapshot is a whole image of the root disk, and the guest goes on as it was", arguments: [
        "running", "paused", "shut off", "suspended",
    ])
    func snapshot(state: String) async throws {
        try await Guests.withDriver { driver, server async throws in
            let instance = try Guests.newInstance(["root_gb": 1])
            try await driver.spawn(Guests.request(instance, server))
            switch state {
            case "paused": try await driver.pause(instance)
            case "shut off": try await driver.powerOff(instance)
            case "suspended": try await driver.suspend(instance)
            default: break
            }
            let before = try await driver.info(instance.id)
            let told = Mutex<[ProgressReporter.Progress]>([])
            let path = try target(server)
            let result = try await driver.snapshot(
                SnapshotRequest(
                    instance: instance, imageID: "i", path: path,
                    progress: ProgressReporter { progress in told.withLock { $0.append(progress) } }))
            #expect(result.diskFormat == "qcow2" && result.virtualSize == .gib(1))
            #expect(told.withLock { $0.last }?.done == .gib(1), "\(told.withLock { $0 })")
            let after = try await driver.info(instance.id)
            #expect(after.powerState == before.powerState && after.bootIdentity == before.bootIdentity)
            #expect(try files(server, instance) == ["disk", "console.log"])
            let size = try FileManager.default.attributesOfItem(atPath: path)[.size] as? Int
            #expect(size.map { Int64($0) } == result.size.bytes)

            // It stands by itself, and boots.
            let image = LocalImage(
                metadata: ImageMetadata(id: "i", name: "i", diskFormat: "qcow2"), path: path, virtualSize: 1 << 30)
            let second = try Guests.newInstance()
            try await driver.spawn(SpawnRequest(instance: second, image: image))
            #expect(
                try await eventually {
                    String(decoding: try await driver.consoleOutput(second), as: UTF8.self)
                        .contains(LibvirtServer.bootSectorWords)
                })
            if state == "suspended" {
                try await driver.resume(instance)
                #expect(try await driver.info(instance.id).powerState == .running)
            }
        }
    }

    @Test("a snapshot that fails or is cancelled leaves no file and no job, and the guest as it was")
    func failures() async throws {
        try await Guests.withDriver { driver, server async throws in
            let instance = try Guests.newInstance(["root_gb": 1])
            // So many bytes that a copy is under way when it first tells how far it is.
            let small = try await Guests.image(server)
            let large = server.directory.appending(path: "large.img")
            try FileManager.default.copyItem(atPath: small.path, toPath: large.path)
            let file = try FileHandle(forWritingTo: large)
            try file.seekToEnd()
            for _ in 0..<500 { try file.write(contentsOf: Data(repeating: 0x5A, count: 1 << 20)) }
            try file.close()
            let image = LocalImage(metadata: small.metadata, path: large.path, virtualSize: 501 << 20)
            try await driver.spawn(SpawnRequest(instance: instance, image: image))
            let boot = try await driver.info(instance.id).bootIdentity
            let nowhere = SnapshotRequest(
                instance: instance, imageID: "i", path: server.directory.appending(path: "absent/image").path)
            await #expect { try await driver.snapshot(nowhere) } throws: {
                ($0 as? ComputeFault)?.kind == .hypervisorFailure
            }
            // A job that is there is seen below.
            let id = instance.id.description
            _ = try await server.virsh("blockcopy", id, "vda", try target(server), "--transient-job")
            #expect(try await Guests.blockJob(of: instance, "vda", server)?.contains("Copy") == true)
            _ = try await server.virsh("blockjob", id, "vda", "--abort")
            for (isRunning, atEnd) in [(true, false), (true, true), (false, false)] {
                if !isRunning { try await driver.powerOff(instance) }
                let path = try target(server)
                let result = await Guests.cancelled(atEnd: atEnd) {
                    try await driver.snapshot(
                        SnapshotRequest(instance: instance, imageID: "i", path: path, progress: $0))
                }
                guard case .failure(let error) = result, error is CancellationError else {
                    Issue.record("\(result)")
                    continue
                }
                #expect(!FileManager.default.fileExists(atPath: path))
                #expect(try files(server, instance) == ["disk", "console.log"])
                guard isRunning else { continue }
                #expect(try await Guests.blockJob(of: instance, "vda", server) == nil)
                #expect(try await driver.info(instance.id).bootIdentity == boot)
                #expect(try await driver.info(instance.id).powerState == .running)
            }
        }
    }

    @Test("a rescued guest runs from the rescue image with its own disk second, and comes back from its own")
    func rescue() async throws {
        try await Guests.withDriver { driver, server async throws in
            let instance = try Guests.newInstance(["root_gb": 1])
            let volume = try Volumes.make(server, "volume", at: "/dev/vdb")
            let image = try await Guests.image(server)
            try await driver.spawn(SpawnRequest(instance: instance, image: image, blockDevices: [volume]))
            let id = instance.id.description
            let before = try await server.virsh("dumpxml", id, "--inactive")
            try await driver.unrescue(GuestRequest(instance: instance))
            for _ in 0..<2 {
                try await driver.rescue(RescueRequest(instance: instance, image: image))
                let disks = try await server.virsh("domblklist", id)
                #expect(disks.split(separator: "\n").count == 2)
                #expect(disks.contains("/disk.rescue") && disks.contains("vdb") && disks.hasPrefix(" vda"))
                #expect(try await driver.info(instance.id).powerState == .running)
            }
            let directory = server.directory.appending(path: "instances/\(id)")
            let kept = directory.appending(path: "unrescue.xml")
            let own = try Data(contentsOf: kept)
            let rescued = try await driver.info(instance.id).bootIdentity
            try await driver.rescue(RescueRequest(instance: instance, image: image))
            #expect(try await driver.info(instance.id).bootIdentity == rescued, "a repeat does nothing")
            for _ in 0..<2 {
                try await driver.unrescue(GuestRequest(instance: instance))
                #expect(try await server.virsh("dumpxml", id, "--inactive") == before)
                #expect(try await driver.info(instance.id).powerState == .running)
                #expect(try files(server, instance) == ["disk", "console.log"])
            }
            // As a worker leaves it that dies between the start of the guest and the end.
            try own.write(to: kept)
            let back = try await driver.info(instance.id).bootIdentity
            try await driver.unrescue(GuestRequest(instance: instance))
            #expect(try await driver.info(instance.id).bootIdentity == back, "it is not started a second time")
            #expect(try files(server, instance) == ["disk", "console.log"])
        }
    }

    @Test("a rescue that fails leaves the guest running from its own disk")
    func rescueFails() async throws {
        try await Guests.withDriver { driver, server async throws in
            let instance = try Guests.newInstance()
            try await driver.spawn(Guests.request(instance, server))
            let id = instance.id.description
            let before = try await server.virsh("dumpxml", id, "--inactive")
            let boot = try await driver.info(instance.id).bootIdentity
            let image = try await Guests.image(server)
            let absent = LocalImage(metadata: image.metadata, path: "/nonexistent/image", virtualSize: 1 << 20)
            await #expect(throws: ComputeFault.self) {
                try await driver.rescue(RescueRequest(instance: instance, image: absent))
            }
            #expect(try await driver.info(instance.id).bootIdentity == boot, "it was not even stopped")
            let kernelless = LocalImage(
                metadata: image.metadata, path: image.path, virtualSize: 1 << 20, kernelPath: "/nonexistent/kernel")
            await #expect(throws: ComputeFault.self) {
                try await driver.rescue(RescueRequest(instance: instance, image: kernelless))
            }
            #expect(try await server.virsh("dumpxml", id, "--inactive") == before)
            #expect(try await driver.info(instance.id).powerState == .running)
            #expect(try files(server, instance) == ["disk", "console.log"])
            try await driver.suspend(instance)
            await #expect(throws: ComputeFault.self) {
                try await driver.rescue(RescueRequest(instance: instance, image: image))
            }
            try await driver.resume(instance)
        }
    }

    @Test("a guest comes back after its host was started anew, and hears the interrupt that makes a dump")
    func bootAndInterrupt() async throws {
        try await Guests.withDriver { driver, server async throws in
            let instance = try Guests.newInstance()
            try await driver.spawn(Guests.request(instance, server))
            try await driver.powerOff(instance)
            for _ in 0..<2 {
                try await driver.resumeStateOnHostBoot(GuestRequest(instance: instance))
                #expect(try await driver.info(instance.id).powerState == .running)
            }
            let console = { @Sendable in String(decoding: try await driver.consoleOutput(instance), as: UTF8.self) }
            #expect(try await eventually { try await console().contains(LibvirtServer.bootSectorWords) })
            #expect(try await !console().contains("!"))
            try await driver.triggerCrashDump(instance)
            #expect(try await eventually { try await console().contains("!") })
        }
    }
}
