// SPDX-License-Identifier: Apache-2.0

public import ComputeDriver
internal import ComputeModel
internal import Libvirt
internal import XML

extension LibvirtDriver: VolumeExtendingDriver {
    public func extendVolume(_ request: ExtendVolumeRequest) async throws {
        let id = request.instance.id
        try requireWriting(id)
        let volume = try LocalVolume(request.volume, instance: id)
        let domain = try await domain(id)
        for (scope, document) in try await places(of: domain, id) {
            guard let disk = document.disk(of: volume), let target = disk.first("target")?["dev"] else {
                throw ComputeFault(
                    .volumeNotFound, "Volume \(volume.volumeID) is not plugged into the guest.", instance: id,
                    arguments: ["volume_id": .string(volume.volumeID)])
            }
            // A guest that is off finds the new size when it is started.
            guard scope == .live else { continue }
            try await requireAnswering(id)
            try await host.withConnection(for: id) { _ throws(LibvirtError) in
                try await domain.resizeBlock(target, bytes: UInt64(clamping: request.size.bytes))
            }
        }
    }
}
