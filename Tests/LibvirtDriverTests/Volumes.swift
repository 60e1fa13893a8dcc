// SPDX-License-Identifier: Apache-2.0

import ComputeDriver
import ComputeModel
import Foundation
import TestSupport

/// Volumes of the tests: files in a server's directory.
enum Volumes {
    static func make(
        _ server: LibvirtServer, _ name: String, mebibytes: Int = 8, at device: String = "/dev/sdb", byte: UInt8 = 0
    ) throws -> BlockDevice {
        let path = server.directory.appending(path: name).path
        try Data(repeating: byte, count: mebibytes << 20).write(to: URL(fileURLWithPath: path))
        return Self.device(path, at: device)
    }

    static func device(_ path: String, type: String = "local", at device: String = "/dev/sdb") -> BlockDevice {
        BlockDevice(
            volumeID: UUID().uuidString.lowercased(), deviceName: device,
            connection: Secret([
                "driver_volume_type": .string(type), "data": ["device_path": .string(path), "format": "raw"],
            ]))
    }

    /// An image for guests whose disks can be unplugged without their help.
    static func scsiImage(_ server: LibvirtServer) async throws -> LocalImage {
        LocalImage(
            metadata: ImageMetadata(
                id: "boot-sector", name: "boot-sector", diskFormat: "raw", fields: ["hw_disk_bus": "scsi"]),
            path: try await server.bootSectorImage().path, virtualSize: 1 << 20)
    }
}
