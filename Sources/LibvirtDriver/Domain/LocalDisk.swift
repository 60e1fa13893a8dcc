// SPDX-License-Identifier: Apache-2.0

internal import ComputeDriver
internal import ComputeModel
internal import XML

/// A raw disk of an instance beside its root disk, made with the instance.
struct LocalDisk: Sendable, Hashable {
    enum Purpose: String, Sendable, Hashable {
        case ephemeral = "disk.local"
        case swap = "disk.swap"
    }

    let purpose: Purpose
    /// In bytes.
    let size: Int64

    /// What a flavor asks for.
    static func wanted(by instance: Instance) -> [LocalDisk] {
        var disks: [LocalDisk] = []
        if instance.ephemeralGiB > 0 {
            disks.append(LocalDisk(purpose: .ephemeral, size: ByteCount.gib(instance.ephemeralGiB).bytes))
        }
        if let swap = instance.flavor?["swap"]?.int, swap > 0 {
            disks.append(LocalDisk(purpose: .swap, size: ByteCount.mib(swap).bytes))
        }
        return disks
    }

    /// Makes the file, on the file lane.
    func make(in directory: InstanceDirectory, limits: DiskImage.Limits) throws(ComputeFault) {
        let image = DiskImage(path: path(in: directory), instance: directory.instance, limits: limits)
        switch purpose {
        case .ephemeral: try image.makeEphemeral(size: size)
        case .swap: try image.makeSwap(size: size)
        }
    }

    func path(in directory: InstanceDirectory) -> String { "\(directory.path)/\(purpose.rawValue)" }

    func xml(in directory: InstanceDirectory, target: String, bus: String, usesDirectIO: Bool) -> XMLElement {
        XMLElement("disk", ["type": "file", "device": "disk"]) {
            XMLElement("driver", ["name": "qemu", "type": "raw", "cache": usesDirectIO ? "none" : "writeback"])
            XMLElement("source", ["file": path(in: directory)])
            XMLElement("target", ["dev": target, "bus": bus])
        }
    }
}
