// SPDX-License-Identifier: Apache-2.0

import ComputeDriver
import ComputeModel
import Foundation
import LibvirtDriver
import TestSupport
import Testing

@Suite("Volumes of real guests", .serialized, .timeLimit(.minutes(3)))
struct VolumeTests {
    private func disks(_ server: LibvirtServer, _ instance: Instance, _ options: String...) async throws -> [String] {
        let text =
            options.isEmpty
            ? try await server.virsh("domblklist", instance.id.description)
            : try await server.virsh("domblklist", instance.id.description, options[0])
        return text.split(separator: "\n").compactMap { $0.split(separator: " ").first.map(String.init) }
    }

    @Test("are plugged into a running guest and out again, now and for its next start, each twice without harm")
    func attachAndDetach() async throws {
        try await Guests.withDriver { driver, server async throws in
            let instance = try Guests.newInstance()
            try await driver.spawn(SpawnRequest(instance: instance, image: Volumes.scsiImage(server)))
            let volume = try Volumes.make(server, "volume")
            for _ in 0..<2 {
                try await driver.attachVolume(volume, to: instance)
                #expect(try await disks(server, instance) == ["sda", "sdb"])
                #expect(try await disks(server, instance, "--inactive") == ["sda", "sdb"])
            }
            let document = try await server.virsh("dumpxml", instance.id.description)
            #expect(document.contains("<serial>\(volume.volumeID)</serial>"))
            let usage = try await driver.volumeUsage(of: [GuestRequest(instance: instance, blockDevices: [volume])])
            #expect(usage.map(\.volumeID) == [volume.volumeID] && usage.map(\.counters.device) == ["sdb"])
            let rival = try Volumes.make(server, "rival")
            await #expect { try await driver.attachVolume(rival, to: instance) } throws: {
                ($0 as? ComputeFault)?.kind == .invalid
            }
            try await driver.extendVolume(
                ExtendVolumeRequest(instance: instance, volume: volume, size: .mib(16)))
            #expect(try await server.virsh("domblkinfo", instance.id.description, "sdb").contains("16777216"))
            for _ in 0..<2 {
                try await driver.detachVolume(volume, from: instance)
                #expect(try await disks(server, instance) == ["sda"])
                #expect(try await disks(server, instance, "--inactive") == ["sda"])
            }
            await #expect {
                try await driver.extendVolume(ExtendVolumeRequest(instance: instance, volume: volume, size: .mib(32)))
            } throws: {
                ($0 as? ComputeFault)?.kind == .volumeNotFound
            }
            try await driver.powerOff(instance)
            try await driver.attachVolume(volume, to: instance)
            try await driver.powerOn(instance)
            #expect(try await disks(server, instance) == ["sda", "sdb"])
            try await driver.powerOff(instance)
            try await driver.detachVolume(volume, from: instance)
            #expect(try await disks(server, instance, "--inactive") == ["sda"])
            try await driver.detachVolume(volume, from: Guests.newInstance())
        }
    }

    @Test("stay with a guest that does not let go of them, and the detach says so")
    func stubborn() async throws {
        try await LibvirtServer.withServer { server async throws in
            var configuration = Guests.configuration(server)
            configuration.detachWait = .seconds(1)
            try await Guests.withDriver(configuration) { driver async throws in
                // A virtio disk leaves with the help of the guest's system, and a boot sector is none.
                let instance = try Guests.newInstance()
                try await driver.spawn(Guests.request(instance, server))
                let volume = try Volumes.make(server, "volume", at: "/dev/vdb")
                try await driver.attachVolume(volume, to: instance)
                await #expect { try await driver.detachVolume(volume, from: instance) } throws: {
                    guard let fault = $0 as? ComputeFault else { return false }
                    return fault.message.contains("did not let go of vdb") && fault.isRetriable
                }
                #expect(try await disks(server, instance) == ["vda", "vdb"])
                #expect(try await disks(server, instance, "--inactive") == ["vda", "vdb"])
                try await driver.powerOff(instance)
                try await driver.detachVolume(volume, from: instance)
                #expect(try await disks(server, instance, "--inactive") == ["vda"])
            }
        }
    }

    @Test("that this driver can't reach are refused by the name of their type, before anything is done")
    func foreign() async throws {
        try await Guests.withDriver { driver, server async throws in
            let instance = try Guests.newInstance()
            try await driver.spawn(Guests.request(instance, server))
            for type in ["iscsi", "rbd"] {
                let volume = Volumes.device("/dev/absent", type: type)
                await #expect { try await driver.attachVolume(volume, to: instance) } throws: {
                    guard let fault = $0 as? ComputeFault else { return false }
                    return fault.kind == .invalid && fault.message.contains("'\(type)'")
                }
            }
            await #expect { try await driver.attachVolume(Volumes.device("/absent/volume"), to: instance) } throws: {
                guard let fault = $0 as? ComputeFault else { return false }
                return fault.kind == .volumeNotFound && !fault.message.contains("/absent")
            }
            let odd = Volumes.device(try await server.bootSectorImage().path, at: "/dev/../x")
            await #expect { try await driver.attachVolume(odd, to: instance) } throws: {
                ($0 as? ComputeFault)?.kind == .invalidDevicePath
            }
            #expect(try await disks(server, instance) == ["vda"])
            let connector = try await driver.volumeConnector(for: instance)
            #expect(connector.ip == "127.0.0.1" && connector.host == "localhost")
        }
    }

    @Test("are exchanged under a running guest, which then has the new one's file with the old one's bytes")
    func swap() async throws {
        try await Guests.withDriver { driver, server async throws in
            let instance = try Guests.newInstance()
            try await driver.spawn(SpawnRequest(instance: instance, image: Volumes.scsiImage(server)))
            let boot = try await driver.info(instance.id).bootIdentity
            let old = try Volumes.make(server, "old", byte: 0x5A)
            let new = try Volumes.make(server, "new")
            try await driver.attachVolume(old, to: instance)
            try await driver.swapVolume(SwapVolumeRequest(instance: instance, old: old, new: new))
            for options in ["--security-info", "--inactive"] {
                let document = try await server.virsh("dumpxml", instance.id.description, options)
                #expect(document.contains("/new'") && !document.contains("/old'"), "\(options)")
            }
            let bytes = try Data(contentsOf: server.directory.appending(path: "new"))
            #expect(bytes.allSatisfy { $0 == 0x5A })
            try await driver.swapVolume(SwapVolumeRequest(instance: instance, old: old, new: new))
            #expect(try await driver.info(instance.id).bootIdentity == boot)
            // Cancelled at its end it is done or not, and no mirror goes on.
            let last = try Volumes.make(server, "last")
            let late = await Guests.cancelled(atEnd: true) {
                try await driver.swapVolume(SwapVolumeRequest(instance: instance, old: new, new: last, progress: $0))
            }
            #expect(try await Guests.blockJob(of: instance, "sdb", server) == nil)
            try await driver.detachVolume((try? late.get()) == nil ? new : last, from: instance)
            #expect(try await disks(server, instance) == ["sda"])
            #expect(try await disks(server, instance, "--inactive") == ["sda"])
        }
    }

    @Test("and further disks are there from a build on; what a build can't have is refused before it leaves a trace")
    func build() async throws {
        try await Guests.withDriver { driver, server async throws in
            let instance = try Guests.newInstance(["ephemeral_gb": 1, "instance_type": ["swap": 64]])
            let volume = try Volumes.make(server, "volume", at: "/dev/vdb")
            let image = try await Guests.image(server)
            try await driver.spawn(SpawnRequest(instance: instance, image: image, blockDevices: [volume]))
            #expect(Set(try await disks(server, instance)) == ["vda", "vdb", "vdc", "vdd"])
            let directory = server.directory.appending(path: "instances/\(instance.id)")
            let ephemeral = try FileHandle(forReadingFrom: directory.appending(path: "disk.local"))
            try ephemeral.seek(toOffset: 1024 + 0x78)
            #expect(try ephemeral.read(upToCount: 10) == Data("ephemeral0".utf8))
            let swap = try FileHandle(forReadingFrom: directory.appending(path: "disk.swap"))
            try swap.seek(toOffset: 4086)
            #expect(try swap.read(upToCount: 10) == Data("SWAPSPACE2".utf8))
            try await driver.destroy(instance)
            #expect(FileManager.default.fileExists(atPath: server.directory.appending(path: "volume").path))

            let refused = [
                [Volumes.device("/x", type: "iscsi", at: "/dev/vdb")], [Volumes.device("/absent", at: "/dev/vdb")],
                [try Volumes.make(server, "a", at: "/dev/vda")],
            ]
            for devices in refused {
                let other = try Guests.newInstance()
                let request = SpawnRequest(instance: other, image: image, blockDevices: devices)
                await #expect(throws: ComputeFault.self) { try await driver.spawn(request) }
                #expect(!FileManager.default.fileExists(atPath: directory.path))
                #expect(try await server.virsh("list", "--all", "--name") == "")
            }
        }
    }
}
