// SPDX-License-Identifier: Apache-2.0

import ComputeDriver
import ComputeModel
import Foundation
import LibvirtDriver
import TestSupport
import Testing

@Suite("A guest with a system and an agent in it", .serialized, .timeLimit(.minutes(3)))
struct LinuxGuestTests {
    @Test("lets go of volumes, sets its password, and brings its file systems to rest")
    func cooperation() async throws {
        try await Guests.withDriver { driver, server async throws in
            let image = LocalImage(
                metadata: ImageMetadata(
                    id: "linux", name: "linux", diskFormat: "qcow2", fields: ["hw_qemu_guest_agent": "yes"]),
                path: try await LibvirtServer.linuxImage().path, virtualSize: 64 << 20)
            let instance = try Guests.newInstance(["memory_mb": 192])
            try await driver.spawn(SpawnRequest(instance: instance, image: image))
            let console = { @Sendable in String(decoding: try await driver.consoleOutput(instance), as: UTF8.self) }
            let isReady = { @Sendable in try await console().contains(LibvirtServer.linuxIsReady) }
            #expect(try await eventually(within: .seconds(90), isReady))

            try await driver.setAdminPassword(Secret("open sesame"), of: instance)
            // md5 of "open sesame".
            #expect(
                try await eventually {
                    try await console().contains("agent password of root 54ef36ec71201fdf9d1423fd26f97f6b")
                })
            try await driver.quiesce(instance)
            #expect(try await eventually { try await console().contains("agent froze") })
            for _ in 0..<2 { try await driver.unquiesce(instance) }
            #expect(try await eventually { try await console().contains("agent thawed") })

            let volume = try Volumes.make(server, "volume", at: "/dev/vdb")
            try await driver.attachVolume(volume, to: instance)
            for _ in 0..<2 { try await driver.detachVolume(volume, from: instance) }
            #expect(try await !server.virsh("domblklist", instance.id.description).contains("vdb"))
            #expect(try await !server.virsh("domblklist", instance.id.description, "--inactive").contains("vdb"))
        }
    }

    @Test(
        "is another than one without: what needs an agent fails with the reason, and the password is nowhere told",
        arguments: [
            (JSONObject(), ComputeFault.Kind.unsupportedOperation),
            (["hw_qemu_guest_agent": "yes"] as JSONObject, .instancePasswordSetFailed),
        ])
    func withoutAgent(image properties: JSONObject, kind: ComputeFault.Kind) async throws {
        try await Guests.withDriver { driver, server async throws in
            let instance = try Guests.newInstance()
            let image = LocalImage(
                metadata: ImageMetadata(id: "boot-sector", name: "boot-sector", diskFormat: "raw", fields: properties),
                path: try await server.bootSectorImage().path, virtualSize: 1 << 20)
            try await driver.spawn(SpawnRequest(instance: instance, image: image))
            await #expect { try await driver.setAdminPassword(Secret("open sesame"), of: instance) } throws: {
                guard let fault = $0 as? ComputeFault else { return false }
                return fault.kind == kind && fault.message.contains("hw_qemu_guest_agent")
                    && !"\(fault)".contains("sesame")
            }
            await #expect { try await driver.quiesce(instance) } throws: {
                ($0 as? ComputeFault)?.kind == .hypervisorFailure
            }
            #expect(try await driver.info(instance.id).powerState == .running)
        }
    }
}
