// SPDX-License-Identifier: Apache-2.0

import ComputeDriver
import ComputeModel
import DriverConformance
import Foundation
import TestSupport
import Testing

@testable import Libvirt
@testable import LibvirtDriver

extension LibvirtUnderTest {
    /// Twelve random MiB on its further disk go over at four a second.
    func slowMove(of instance: Instance) async throws -> @Sendable () async -> Void {
        let disk = hosts[0].instances.appending(path: "\(instance.id)/disk.swap")
        let handle = try FileHandle(forWritingTo: disk)
        defer { try? handle.close() }
        var bytes = Data(count: 1 << 20)
        for _ in 0..<12 {
            for offset in stride(from: 0, to: bytes.count, by: 4096) { bytes[offset] = .random(in: 1...255) }
            try handle.write(contentsOf: bytes)
        }
        try handle.synchronize()
        _ = try await servers[0].virsh("migrate-setspeed", instance.id.description, "4")
        // It comes to its end by itself.
        return {}
    }

    func abandonSnapshot(of instance: Instance) async throws {
        let driver = hosts[0].driver
        let directory = driver.directory(instance.id)
        let partial = directory.path + "/snapshot.partial"
        try await driver.withDiskTools("make a file") { limits throws(ComputeFault) in
            let size = DiskHeader(path: directory.disk, format: .qcow2)?.virtualSize ?? 0
            try DiskImage(path: partial, instance: instance.id, limits: limits).makeEmpty(size: size)
        }
        let copy = "<disk type='file'><driver name='qemu' type='qcow2'/><source file='\(partial)'/></disk>"
        try await driver.domain(instance.id).copyBlock(rootDevice, to: copy)
    }
}
