// SPDX-License-Identifier: Apache-2.0

public import ComputeDriver
public import ComputeModel
internal import Libvirt
internal import XML

extension LibvirtDriver: VolumeExtendingDriver {
    public func extendVolume(_ device: BlockDevice, of instance: Instance, to size: ByteCount) async throws {
        let id = instance.id
        try requireWriting(id)
        let volume = try LocalVolume(device, instance: id)
        let domain = try await domain(id)
        for (scope, document) in try await places(of: domain, id) {
            guard let disk = document.disk(of: volume), let target = disk.first("target")?["dev"] else {
                throw ComputeFault(
                    .volumeNotFound, "Volume \(device.volumeID) is not plugged into the guest.", instance: id,
                    arguments: ["volume_id": .string(device.volumeID)])
            }
            // A guest that is off finds the new size when it is started.
            guard scope == .live else { continue }
            try await requireAnswering(id)
            try await host.withConnection(for: id) { _ throws(LibvirtError) in
                try await domain.resizeBlock(target, bytes: UInt64(clamping: size.bytes))
            }
        }
    }
}
