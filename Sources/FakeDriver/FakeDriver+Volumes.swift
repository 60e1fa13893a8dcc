// SPDX-License-Identifier: Apache-2.0

public import ComputeDriver
public import ComputeModel

extension FakeDriver: VolumeAttachingDriver {
    public func volumeConnector(for instance: Instance) async throws -> VolumeConnector {
        try await perform(.volumeConnector) { _ in
            VolumeConnector(ip: address, initiator: "iqn.2012-09.fake:\(hostname)", host: hostname)
        }
    }

    public func attachVolume(_ device: BlockDevice, to instance: Instance) async throws {
        try await perform(.attachVolume, on: instance.id) { state throws(ComputeFault) in
            let guest = try state.guest(instance.id)
            let there = guest.volumes.first { $0.deviceName == device.deviceName || $0.volumeID == device.volumeID }
            if let there {
                guard there.deviceName == device.deviceName, there.volumeID == device.volumeID else {
                    throw ComputeFault.invalid(
                        "Volume \(there.volumeID) is attached as \(there.deviceName) already.", instance: instance.id)
                }
                return
            }
            try state.change(instance.id) { $0.volumes.append(device) }
        }
    }

    public func detachVolume(_ device: BlockDevice, from instance: Instance) async throws {
        try await perform(.detachVolume, on: instance.id) { state throws(ComputeFault) in
            guard state.guests[instance.id] != nil else { return }
            try state.change(instance.id) { guest in
                guest.volumes.removeAll { $0.volumeID == device.volumeID }
                guest.volumeSizes[device.volumeID] = nil
                guest.volumeSnapshots[device.volumeID] = nil
            }
        }
    }
}

extension FakeDriver: VolumeSwappingDriver {
    public func swapVolume(_ request: SwapVolumeRequest) async throws {
        let id = request.instance.id
        try await transfer(
            .swapVolume, on: id, amount: .gib(1), progress: request.progress,
            begin: { state throws(ComputeFault) in
                _ = try state.runningGuest(id, to: "have a volume exchanged")
                try state.requireVolume(request.old.volumeID, of: id)
            },
            finish: { state throws(ComputeFault) in
                try state.requireVolume(request.old.volumeID, of: id)
                try state.change(id) { guest in
                    guest.volumes = guest.volumes.map { $0.volumeID == request.old.volumeID ? request.new : $0 }
                }
            })
    }
}

extension FakeDriver: VolumeExtendingDriver {
    public func extendVolume(_ request: ExtendVolumeRequest) async throws {
        let (id, volume) = (request.instance.id, request.volume.volumeID)
        try await perform(.extendVolume, on: id) { state throws(ComputeFault) in
            try state.requireVolume(volume, of: id)
            try state.change(id) { $0.volumeSizes[volume] = request.size }
        }
    }
}

extension FakeDriver: AssistedVolumeSnapshottingDriver {
    public func createVolumeSnapshot(_ request: VolumeSnapshotRequest) async throws {
        try await perform(.createVolumeSnapshot, on: request.instance.id) { state throws(ComputeFault) in
            try state.requireVolume(request.volumeID, of: request.instance.id)
            try state.change(request.instance.id) { guest in
                guest.volumeSnapshots[request.volumeID, default: []].append(request.snapshotID)
            }
        }
    }

    public func deleteVolumeSnapshot(_ request: VolumeSnapshotRequest) async throws {
        try await transfer(
            .deleteVolumeSnapshot, on: request.instance.id, amount: .gib(1),
            begin: { state throws(ComputeFault) in _ = try state.guest(request.instance.id) },
            finish: { state throws(ComputeFault) in
                try state.change(request.instance.id) { guest in
                    guest.volumeSnapshots[request.volumeID]?.removeAll { $0 == request.snapshotID }
                }
            })
    }
}

extension FakeDriver: VolumeUsageReportingDriver {
    public func volumeUsage(of guests: [GuestRequest]) async throws -> [VolumeUsage] {
        try await perform(.volumeUsage) { state in
            guests.compactMap { state.guests[$0.instance.id] }.flatMap { guest in
                guest.volumes.map { volume in
                    VolumeUsage(
                        instance: guest.id, volumeID: volume.volumeID,
                        counters: .fake(String(volume.deviceName.dropFirst("/dev/".count))))
                }
            }
        }
    }
}

extension FakeDriver: ShareMountingDriver {
    public func mountShare(_ share: FileShare, for instance: Instance) async throws {
        try await perform(.mountShare, on: instance.id) { state in
            _ = state.host.shares[share.id, default: []].insert(instance.id)
        }
    }

    public func unmountShare(_ share: FileShare, for instance: Instance) async throws {
        try await perform(.unmountShare, on: instance.id) { state in
            state.host.shares[share.id]?.remove(instance.id)
            if state.host.shares[share.id]?.isEmpty == true { state.host.shares[share.id] = nil }
        }
    }
}

extension FakeHostState.State {
    fileprivate func requireVolume(_ volumeID: String, of id: InstanceID) throws(ComputeFault) {
        guard try guest(id).volumes.contains(where: { $0.volumeID == volumeID }) else {
            throw ComputeFault(
                .volumeNotFound, "Volume \(volumeID) is not attached to the guest.", instance: id,
                arguments: ["volume_id": .string(volumeID)])
        }
    }
}
