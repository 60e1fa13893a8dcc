// SPDX-License-Identifier: Apache-2.0

public import ComputeDriver
internal import ComputeModel

extension FakeDriver: ResizingDriver {
    public func migrateDiskAndPowerOff(_ request: MigrateDiskRequest) async throws -> DiskTransfer {
        let id = request.instance.id
        let disks = try await transfer(
            .migrateDiskAndPowerOff, on: id, amount: .gib(request.instance.rootGiB), progress: request.progress,
            begin: { state throws(ComputeFault) in
                let guest = try state.guest(id)
                guard state.host.kept[id] == nil else { return }
                state.host.kept[id] = guest
                if guest.isOn { state.stop(guest) }
            },
            undo: { state in
                // As it was: one that was off stays off.
                guard let guest = state.host.kept.removeValue(forKey: id), state.guests[id] != nil else { return }
                if guest.isOn { state.boot(guest) } else { state.guests[id] = guest }
            },
            finish: { state throws(ComputeFault) in
                let guest = try state.guest(id)
                cluster.send(guest, to: request.migration.destinationHost)
                return [guest.rootDisk.json]
            })
        return DiskTransfer(JSONWriter.text(.array(disks)))
    }

    public func finishMigration(_ request: FinishMigrationRequest) async throws {
        let instance = request.instance
        let isHere = request.migration.sourceHost == hostname
        let parcel = cluster.parcel(for: instance.id, at: hostname)
        let isDone = parcel == nil && state.withLock {
            $0.guests[instance.id]?.isOn == true && (!isHere || $0.host.kept[instance.id] != nil)
        }
        if isDone { return try await perform(.finishMigration, on: instance.id) { _ in } }
        try await transfer(
            .finishMigration, on: instance.id, amount: .gib(instance.rootGiB), progress: request.progress,
            begin: { state throws(ComputeFault) in
                guard parcel != nil || cluster.isAlone && !isHere else {
                    throw ComputeFault(
                        .migrationFailure, "The guest's disks have not come to \(hostname).", instance: instance.id)
                }
                guard state.guests[instance.id] == nil || isHere else {
                    throw Self.exists(FakeGuest(instance))
                }
            },
            finish: { state throws(ComputeFault) in
                var guest = parcel ?? FakeGuest(instance)
                guest.resize(to: instance)
                guest.volumes = request.blockDevices
                guest.interfaces = request.networkInfo
                if !guest.interfaces.isEmpty {
                    state.host.filtered.insert(guest.id)
                    state.host.plugged[guest.id] = guest.macAddresses
                }
                state.boot(guest)
            })
        cluster.dropParcel(for: instance.id, at: hostname)
    }

    public func confirmMigration(_ request: MigrationRequest) async throws {
        let id = request.instance.id
        try await perform(.confirmMigration, on: id) { state throws(ComputeFault) in
            let isLeft = request.migration.destinationHost != hostname
            guard !isLeft || state.guests[id]?.isOn != true else {
                throw ComputeFault(.instanceInvalidState, "The guest has not left this host.", instance: id)
            }
            let kept = state.host.kept.removeValue(forKey: id)
            guard kept != nil, isLeft else { return }
            state.guests[id] = nil
            state.forgetNetwork(of: id)
        }
    }

    public func finishRevertMigration(_ request: MigrationRequest) async throws {
        let id = request.instance.id
        try await perform(.finishRevertMigration, on: id) { state throws(ComputeFault) in
            guard var guest = state.host.kept[id] else {
                let guest = try state.guest(id)
                if guest.powerState != .running { state.boot(guest) }
                return
            }
            state.host.kept[id] = nil
            guest.volumes = request.blockDevices
            guest.interfaces = request.networkInfo
            state.boot(guest)
        }
        cluster.dropParcel(for: id, at: request.migration.destinationHost)
    }
}
