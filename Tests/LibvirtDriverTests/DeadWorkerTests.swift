// SPDX-License-Identifier: Apache-2.0

import ComputeDriver
import ComputeModel
import Foundation
import TestSupport
import Testing

@testable import Libvirt
@testable import LibvirtDriver

@Suite("What a worker that died has left of its work", .serialized, .timeLimit(.minutes(3)))
struct DeadWorkerTests {
    @Test("a suspend that libvirt goes on with is waited for, and is done when that is")
    func suspend() async throws {
        try await Guests.withDriver { driver, server async throws in
            // Memory that was never touched is not saved; a large one takes its time all the same.
            let instance = try Guests.newInstance(["memory_mb": 2048])
            try await driver.spawn(Guests.request(instance, server))
            let id = instance.id.description
            let domain = try await driver.domain(instance.id)
            async let other = server.virsh("managedsave", id)
            while try await domain.job() == nil { try await Task.sleep(for: .milliseconds(1)) }
            try await driver.suspend(instance)
            _ = try await other
            #expect(try await server.virsh("dominfo", id).contains("Managed save:   yes"))
            #expect(try await driver.info(instance.id).powerState == .shutdown)
            try await driver.resume(instance)
        }
    }

    @Test("a snapshot's mirror ends and its file goes, and the guest can be suspended again")
    func snapshot() async throws {
        try await Guests.withDriver { driver, server async throws in
            let instance = try Guests.newInstance(["root_gb": 1])
            try await driver.spawn(Guests.request(instance, server))
            let directory = driver.directory(instance.id)
            let boot = try await driver.info(instance.id).bootIdentity
            let partial = directory.path + "/snapshot.partial"
            try await driver.withDiskTools("make a file") { limits throws(ComputeFault) in
                try DiskImage(path: partial, instance: instance.id, limits: limits).makeEmpty(size: 1 << 30)
            }
            // As a snapshot begins it; it follows the guest until somebody ends it.
            let document = """
                <disk type='file' device='disk'><driver name='qemu' type='qcow2'/><source file='\(partial)'/></disk>
                """
            let domain = try await driver.domain(instance.id)
            try await domain.copyBlock("vda", to: document)
            #expect(try await domain.blockJob("vda") != nil)
            for _ in 0..<2 { try await driver.discardSnapshot(of: instance) }
            #expect(try await domain.blockJob("vda") == nil)
            #expect(Set(try FileManager.default.contentsOfDirectory(atPath: directory.path)) == ["disk", "console.log"])
            #expect(try await driver.info(instance.id).bootIdentity == boot)
            try await driver.suspend(instance)
            let nobody = try Guests.newInstance()
            try await driver.discardSnapshot(of: nobody)
        }
    }
}
