// SPDX-License-Identifier: Apache-2.0

internal import ComputeDriver
internal import ComputeModel
internal import WorkerStore

/// Stops an instance that is resized or moved, and hands its disks to the destination. Nova: `resize_instance`.
///
/// The row stays with the instance handed over, until the resize is confirmed or reverted. Disks that were moved when
/// something fails come back, and the guest runs here again.
enum ResizeInstance: InstanceOperation {
    struct Arguments: Sendable {
        let moving: MovingInstance
        let image: JSONValue
        let reservations: JSONValue
    }

    enum Step: Codable, Sendable, Hashable {
        /// The driver is stopping the guest and moving its disks.
        case migrating
        /// The disks are there; what the destination is to know of them.
        case migrated(transfer: String?)
        /// The move is given up for this reason, and what was moved is being brought back.
        case takingBack(KeptFault)
        /// All is as it was, and the destination is told; what is left is to tell of the failure.
        case takenBack(KeptFault)
    }

    static let name = OperationName(rawValue: "resize_instance")
    static let summary = "stops an instance that is resized or moved, and hands its disks over"
    static let stepNames = ["migrating", "migrated", "takingBack", "takenBack"]
    static let needs: [DriverOperation] = [.migrateDiskAndPowerOff, .finishRevertMigration]
    static let events = ["resize.start", "resize.end"]
    static let needsRoom = true

    static func instance(of arguments: Arguments) -> Instance { arguments.moving.instance }
    static func acceptance(of arguments: Arguments) -> AcceptanceRule { .ifIdle(.resizePrep) }
    static func json(_ output: JSONValue) -> JSONValue { output }
    /// How far a move of disks came is not to be seen: they are brought back first, and moved anew.
    static func recovery(at step: Step) -> RecoveryRule {
        switch step {
        case .migrating: .redoUnlessDone
        case .migrated, .takingBack, .takenBack: .goOn
        }
    }

    static func perform(
        _ arguments: Arguments, from step: Step?, in run: OperationRun<ResizeInstance>
    ) async throws -> Finished<JSONValue> {
        let migration = try migration(arguments.moving, run)
        if step == nil {
            if run.row?.instance.vmState == .resized {
                throw ComputeFault(
                    .instanceInvalidState, "The instance's last resize waits to be confirmed or reverted.",
                    instance: arguments.moving.instance.id)
            }
            let network = try await run.currentNetwork(of: arguments.moving.instance)
            try await run.begin(
                arguments.moving.instance, .migrating, accept: acceptance(of: arguments), expecting: [.resizePrep]
            ) { change throws(ComputeFault) in
                change.take(arguments.moving, keepsDevices: run.row != nil)
                change.amend {
                    if let network { $0.networkInfo = network }
                    $0.migration = migration
                }
                change.setMigration(.migrating)
                change.update { $0.taskState = .resizeMigrating }
                change.notifyWithAddresses("resize.start")
            }
        }
        do {
            let transfer: DiskTransfer
            switch step {
            case .takingBack(let kept)?, .takenBack(let kept)?: throw kept.fault(of: run.entry.instance)
            case .migrated(let text)?: transfer = DiskTransfer(text)
            case .migrating?, nil:
                try run.checkInterruption()
                transfer = try await moveDisks(migration, isAgain: step != nil, run)
            }
            try await run.disconnectVolumes()
            try run.checkInterruption()
            return try await handOver(arguments, migration, transfer, run)
        } catch let fault as ComputeFault {
            try await takeBack(migration, because: fault, run)
            throw fault
        }
    }

    /// The size before as this host has it: the destination has it from whoever asked, who need not have heard of the
    /// last resize.
    private static func migration(
        _ moving: MovingInstance, _ run: OperationRun<ResizeInstance>
    ) throws(ComputeFault) -> Migration {
        var migration = try run.migration(moving)
        if let row = run.row { migration.oldFlavor = row.instance.flavorInUse }
        return migration
    }

    private static func moveDisks(
        _ migration: Migration, isAgain: Bool, _ run: OperationRun<ResizeInstance>
    ) async throws -> DiskTransfer {
        let row = try run.held()
        if isAgain {
            _ = try await run.guest(row.id)
            try await run.driver.finishRevertMigration(
                try run.migrationRequest(migration, try await run.connectVolumes()))
        }
        let transfer = try await run.driver.migrateDiskAndPowerOff(
            MigrateDiskRequest(
                instance: row.instance, migration: migration, networkInfo: row.networkInfo,
                blockDevices: row.guest.blockDevices, progress: run.progress), interruptedBy: run.token)
        try await run.commit(.migrated(transfer: transfer.text)) { change throws(ComputeFault) in
            change.setMigration(.postMigrating)
        }
        return transfer
    }

    private static func handOver(
        _ arguments: Arguments, _ migration: Migration, _ transfer: DiskTransfer, _ run: OperationRun<ResizeInstance>
    ) async throws -> Finished<JSONValue> {
        try await run.finish(.null) { change throws(ComputeFault) in
            try change.update(expecting: [.resizeMigrating]) {
                $0.host = migration.destinationHost
                $0.taskState = .resizeMigrated
            }
            change.amend { $0.pendingCast = FinishResize.name.rawValue }
            change.notifyWithAddresses("resize.end")
            change.cast(
                run.cast(
                    FinishResize.name.rawValue, to: migration.destinationHost,
                    [
                        "instance": try MovingInstance.json(of: change.row, migration: change.row.migration),
                        "migration_id": JSONValue(migration.id), "image": arguments.image,
                        "disk_info": JSONValue(transfer.text), "reservations": arguments.reservations,
                    ]))
        }
    }

    /// After a failure: the disks come back and the guest runs again, then the destination is to drop what it got: both
    /// may see the same directory. What can't be brought back waits for a delete, which tells the destination.
    private static func takeBack(
        _ migration: Migration, because fault: ComputeFault, _ run: OperationRun<ResizeInstance>
    ) async throws {
        guard let row = run.row, row.instance.taskState == .resizeMigrating, row.instance.host == run.host,
            row.migration != nil
        else { return }
        // What is to be deleted need not run again.
        if run.token.reason == .superseded { return }
        let kept = KeptFault(fault)
        try await run.commit(.takingBack(kept)) { _ throws(ComputeFault) in }
        let isMoved = row.migration?.status == .postMigrating
        var isBack = false
        try await run.attempting("finish_revert_migration") {
            let driver = run.patientDriver
            let isRunning = try await driver.powerState(row.id) == .running
            if isMoved || row.instance.vmState == .active && !isRunning {
                var devices: BlockDevices?
                try await run.attempting("volume connections") { devices = try await run.connectVolumes() }
                try await driver.finishRevertMigration(try run.migrationRequest(migration, devices))
            }
            isBack = true
        }
        guard isBack else { return }
        try await run.commit(.takenBack(kept)) { change throws(ComputeFault) in
            if isMoved, migration.destinationHost != run.host {
                var abandoned = migration
                abandoned.status = .error
                change.cast(
                    run.cast(
                        RevertResize.name.rawValue, to: migration.destinationHost,
                        [
                            "instance": try MovingInstance.json(of: change.row, migration: abandoned),
                            "migration_id": JSONValue(migration.id), "reservations": .null,
                        ]))
            }
            change.amend { $0.migration = nil }
        }
    }

    static func undo(_ arguments: Arguments, in run: OperationRun<ResizeInstance>) async throws {
        guard let migration = run.row?.migration else { return }
        let fault = ComputeFault(
            .internalError, "The resize was given up after attempts that did not end.", instance: run.entry.instance)
        try await takeBack(migration, because: fault, run)
    }

    /// A guest that was not to be moved, or not yet, is as it was.
    static func failed(_ fault: ComputeFault, _ change: inout InstanceChange) {
        if change.instance.taskState != .resizeMigrating, fault.refusesMove { return }
        change.moveFailed(fault)
        change.releaseResizeClaim()
    }
}
