// SPDX-License-Identifier: Apache-2.0

public import ComputeDriver
public import ComputeModel

extension FakeDriver: LiveMigrationSourceDriver {
    public func checkLiveMigrationSource(
        _ instance: Instance, destination: JSONObject
    ) async throws -> JSONObject {
        try await perform(.checkLiveMigrationSource, on: instance.id) { state throws(ComputeFault) in
            _ = try state.guest(instance.id)
            guard let shares = cluster.sharesStorage else { return destination }
            guard shares != (destination["block_migration"]?.bool ?? false) else {
                throw ComputeFault(
                    .migrationFailure,
                    shares
                        ? "The hosts share their storage: the disks need not come along."
                        : "The hosts share no storage: the disks must come along.", instance: instance.id)
            }
            return destination
        }
    }

    public func disks(of instance: Instance) async throws -> [GuestDisk] {
        try await perform(.disksOfInstance, on: instance.id) { state throws(ComputeFault) in
            [try state.guest(instance.id).rootDisk]
        }
    }

    public func liveMigrate(_ request: LiveMigrationRequest) async throws {
        let id = request.instance.id
        let destination = cluster.host(request.destination)
        let isExpected = destination?.withLock { $0.host.expected.contains(id) } ?? false
        _ = try await transfer(
            .liveMigrate, on: id, amount: .mib(request.instance.memoryMiB), progress: request.progress,
            begin: { state throws(ComputeFault) in
                _ = try state.runningGuest(id, to: "move")
                guard cluster.isAlone || isExpected else {
                    throw ComputeFault(
                        .migrationFailure, "\(request.destination) does not expect the guest.", instance: id)
                }
                state.moves[id] = .init()
            },
            undo: { state in
                let move = state.moves.removeValue(forKey: id)
                if move?.isForced == true, let guest = state.guests[id] { state.setPaused(guest, false) }
            },
            between: { state throws(ComputeFault) in
                guard state.moves[id]?.isAborted != true else {
                    throw ComputeFault(.migrationFailure, "The move was given up.", instance: id, isRetriable: false)
                }
                return state.moves[id]?.isForced != true
            },
            finish: { state throws(ComputeFault) in
                var guest = try state.guest(id)
                state.moves[id] = nil
                state.guests[id] = nil
                state.host.leftBehind.insert(id)
                state.tell(.changed(id, .shutdown))
                guest.isPassing = true
                guest.volumes = request.blockDevices
                return guest
            },
            elsewhere: { guest in destination?.withLock { $0.boot(guest) } })
    }

    public func cleanUpAfterLiveMigration(_ request: LiveMigrationRequest) async throws {
        let id = request.instance.id
        try await perform(.cleanUpAfterLiveMigration, on: id) { state throws(ComputeFault) in
            guard state.guests[id] == nil else {
                throw ComputeFault(.instanceInvalidState, "The guest has not left this host.", instance: id)
            }
            state.host.leftBehind.remove(id)
            state.forgetNetwork(of: id)
        }
    }
}

extension FakeDriver: LiveMigrationTargetDriver {
    public func checkLiveMigrationDestination(_ request: LiveMigrationCheck) async throws -> JSONObject {
        let id = request.instance.id
        return try await perform(.checkLiveMigrationDestination, on: id) { state throws(ComputeFault) in
            guard state.guests[id] == nil else {
                throw ComputeFault(.migrationFailure, "The guest is on \(hostname) already.", instance: id)
            }
            let mark = "check-\(id)"
            state.host.marks.insert(mark)
            let free = resources(state).disk - resources(state).diskUsed
            return [
                "filename": .string(mark), "block_migration": .bool(request.takesDisks),
                "disk_over_commit": .bool(request.mayOvercommitDisk), "disk_available_mb": JSONValue(free.mib),
            ]
        }
    }

    public func cleanUpLiveMigrationCheck(_ check: JSONObject) async throws {
        try await perform(.cleanUpLiveMigrationCheck) { state in
            if let mark = check["filename"]?.string { state.host.marks.remove(mark) }
        }
    }

    public func prepareLiveMigration(_ request: PrepareLiveMigrationRequest) async throws {
        let id = request.instance.id
        try await perform(.prepareLiveMigration, on: id) { state throws(ComputeFault) in
            guard state.guests[id] == nil else {
                throw ComputeFault(.migrationFailure, "The guest is on \(hostname) already.", instance: id)
            }
            state.host.expected.insert(id)
            if !request.networkInfo.isEmpty {
                state.host.plugged[id] = request.networkInfo.compactMap { $0["address"]?.string }
            }
        }
    }

    public func finishLiveMigrationAtDestination(_ request: GuestRequest) async throws {
        let id = request.instance.id
        try await perform(.finishLiveMigrationAtDestination, on: id) { state throws(ComputeFault) in
            if state.guests[id] == nil, cluster.isAlone, state.host.expected.contains(id) {
                // From nowhere, as the only host of its cluster: it comes now.
                state.boot(FakeGuest(request.instance, volumes: request.blockDevices, interfaces: request.networkInfo))
            }
            try state.change(id) { guest in
                guest.isPassing = false
                guest.interfaces = request.networkInfo
            }
            state.host.expected.remove(id)
            if !request.networkInfo.isEmpty { state.host.filtered.insert(id) }
        }
    }

    public func rollBackLiveMigrationAtDestination(_ request: GuestRequest) async throws {
        let id = request.instance.id
        try await perform(.rollBackLiveMigrationAtDestination, on: id) { state in
            state.host.expected.remove(id)
            if state.guests[id]?.isOn == false { state.guests[id] = nil }
            if state.guests[id] == nil { state.forgetNetwork(of: id) }
        }
    }
}

extension FakeDriver: LiveMigrationControllingDriver {
    public func forceLiveMigration(of instance: Instance) async throws {
        try await perform(.forceLiveMigration, on: instance.id) { state throws(ComputeFault) in
            let guest = try state.guest(instance.id)
            guard state.moves[instance.id] != nil else {
                throw ComputeFault.invalid("The guest does not move.", instance: instance.id)
            }
            state.moves[instance.id]?.isForced = true
            state.setPaused(guest, true)
        }
        release(instance.id, throwing: nil)
    }

    public func abortLiveMigration(of instance: Instance) async throws {
        try await perform(.abortLiveMigration, on: instance.id) { $0.moves[instance.id]?.isAborted = true }
        release(instance.id, throwing: nil)
    }
}

extension FakeDriver: SharedStorageProbingDriver {
    public func leaveStorageMark(for instance: Instance) async throws -> JSONObject? {
        try await perform(.leaveStorageMark, on: instance.id) { state in
            let mark = "mark-\(instance.id)"
            state.host.marks.insert(mark)
            return ["filename": .string(mark)]
        }
    }

    public func seesStorageMark(_ mark: JSONObject) async throws -> Bool {
        // Before the lock of this host is taken: another host's may be asked.
        let isSeen = mark["filename"]?.string.map { cluster.sees($0, from: hostname) } ?? false
        return try await perform(.seesStorageMark) { _ in isSeen }
    }

    public func removeStorageMark(_ mark: JSONObject) async throws {
        try await perform(.removeStorageMark) { state in
            if let name = mark["filename"]?.string { state.host.marks.remove(name) }
        }
    }
}
