// SPDX-License-Identifier: Apache-2.0

internal import ComputeDriver
internal import ComputeModel
internal import WorkerStore

/// Builds a resized instance on its new host from the disks that came. Nova: `finish_resize`.
enum FinishResize: InstanceOperation {
    struct Arguments: Sendable {
        let moving: MovingInstance
        /// What the source said of the disks.
        let transfer: DiskTransfer
    }

    enum Step: String, CaseIterable, Codable, Sendable, Hashable {
        /// The instance is this host's; its network and its volumes are on their way here.
        case preparing
        /// The driver is building the guest.
        case finishing
    }

    static let name = OperationName(rawValue: "finish_resize")
    static let summary = "builds a resized or moved instance on its new host"
    static let needs: [DriverOperation] = [.finishMigration]
    static let events = ["finish_resize.start", "finish_resize.end"]
    static let needsRoom = true
    static let slot = SlotKind.build
    static let seesMovedAway = true

    static func instance(of arguments: Arguments) -> Instance { arguments.moving.instance }
    static func acceptance(of arguments: Arguments) -> AcceptanceRule { .none }
    static func json(_ output: JSONValue) -> JSONValue { output }
    /// The driver is asked again, and takes a repeat for done; the disks stay until the resize is confirmed.
    static func recovery(at step: Step) -> RecoveryRule {
        switch step {
        case .preparing: .goOn
        case .finishing: .redoUnlessDone
        }
    }

    static func perform(
        _ arguments: Arguments, from step: Step?, in run: OperationRun<FinishResize>
    ) async throws -> Finished<JSONValue> {
        let id = arguments.moving.instance.id
        if step == nil { try await begin(arguments, run) }
        let migration = try run.migration(arguments.moving)
        if step == .finishing {
            // What a worker that died has begun at the hypervisor ends first.
            _ = try await run.guest(id)
        } else {
            let network = try await run.setUpNetwork(on: run.host, of: try run.held().instance)
            try await run.commit(.finishing) { change throws(ComputeFault) in
                change.amend { if let network { $0.networkInfo = network } }
                try change.update(expecting: [.resizeMigrated]) { $0.taskState = .resizeFinish }
                change.notifyWithAddresses("finish_resize.start")
            }
        }
        try run.checkInterruption()
        let devices = try await run.connectVolumes()
        try await build(arguments, migration, devices, run)
        let power = await run.driver.powerStateOfStarted(id)
        return try await run.finish(.null) { change throws(ComputeFault) in
            let now = change.now
            change.amend { devices.write(to: &$0) }
            try change.update(expecting: [.resizeFinish]) {
                $0.vmState = .resized
                $0.taskState = nil
                $0.powerState = power
                $0.launchedAt = now
            }
            change.setMigration(.finished)
            change.notifyWithAddresses("finish_resize.end")
        }
    }

    /// The instance becomes this host's, in its new size.
    private static func begin(_ arguments: Arguments, _ run: OperationRun<FinishResize>) async throws {
        let moving = arguments.moving
        let migration = try run.migration(moving)
        if let asked = run.request.context.timestamp, let deleted = run.services.deleted.moment(moving.instance.id),
            asked < deleted, run.row == nil
        {
            return try await giveUp(moving, migration, run)
        }
        let isHere = run.row.map { !$0.isElsewhere(than: run.host) } ?? false
        let isKnown = isHere && run.row?.migration?.id == migration.id
        if isHere, !isKnown, let state = run.row?.instance.vmState, ![.building, .error, .deleted].contains(state) {
            let text = "the instance is on this host already, and waits for no such resize"
            throw ComputeFault(
                .migrationFailure, "Migration error: \(text)", instance: moving.instance.id,
                arguments: ["reason": .string(text)])
        }
        let resized = try (isKnown ? run.row?.instance ?? moving.instance : moving.instance)
            .resized(to: migration.newFlavor)
        try await run.begin(
            moving.instance, .preparing, accept: .none, missing: isKnown ? .adopt : .renew,
            expecting: [.resizeMigrated]
        ) { change throws(ComputeFault) in
            change.take(moving, keepsDevices: isKnown)
            let host = change.host
            change.amend { $0.instance.host = host }
            change.register(["domain", "directory"])
            // The host was asked whether it has room before the guest was stopped; now it must have.
            if !isKnown {
                change.claim(.instance, ClaimAmounts(of: resized), limits: .none)
                // It may still be held, where nobody noticed before a crash that the source had the cast.
                change.releaseClaim(.resize)
            }
            if migration.oldFlavor["id"] != migration.newFlavor["id"] {
                change.update { instance in
                    instance = resized.refreshed(keepingStatesOf: instance)
                }
            }
        }
    }

    /// The instance was deleted here before its disks had come: nothing of it is to stay on either host.
    private static func giveUp(
        _ moving: MovingInstance, _ migration: Migration, _ run: OperationRun<FinishResize>
    ) async throws {
        var confirmed = migration
        confirmed.status = .confirmed
        try await run.begin(
            moving.instance, .preparing, accept: .none, missing: .renew
        ) { change throws(ComputeFault) in
            change.take(moving)
            change.amend { $0.migration = confirmed }
            change.cast(
                run.cast(
                    ConfirmResize.name.rawValue, to: migration.sourceHost,
                    [
                        "instance": try MovingInstance.json(of: change.row, migration: confirmed),
                        "migration_id": JSONValue(migration.id), "reservations": .null,
                    ]))
        }
        try await run.driver.destroy(moving.instance)
        run.markUndone()
        throw InterruptionReason.superseded.fault(run.entry.method, instance: moving.instance.id)
    }

    private static func build(
        _ arguments: Arguments, _ migration: Migration, _ devices: BlockDevices, _ run: OperationRun<FinishResize>
    ) async throws {
        let image = try await run.baseImage()
        let row = try run.held()
        let request = FinishMigrationRequest(
            instance: row.instance, migration: migration, transfer: arguments.transfer, image: image,
            isResized: migration.oldFlavor["id"] != migration.newFlavor["id"], networkInfo: row.networkInfo,
            blockDevices: devices.devices, progress: run.progress)
        try await run.outlastingOutages { try await run.driver.finishMigration(request, interruptedBy: run.token) }
        try run.checkInterruption(by: .superseded)
    }

    static func failed(_ fault: ComputeFault, _ change: inout InstanceChange) {
        // Deleted before it came.
        if change.row.migration?.status == .confirmed { return change.remove() }
        // A guest whose disks did not go on their way is as it was.
        let isUnderWay = [.resizeMigrated, .resizeFinish].contains(change.instance.taskState)
        if !isUnderWay, fault.refusesMove { return }
        switch fault.kind {
        // The disks are here and the guest is not: whatever the reason, it is not the instance that it was.
        case .superseded: change.update { $0.taskState = nil }
        default:
            change.update { $0.vmState = .error }
            change.revertTask(fault)
        }
    }
}
