// SPDX-License-Identifier: Apache-2.0

internal import ComputeDriver
internal import ComputeModel
internal import WorkerStore

/// Removes a resized instance from its new host, and has the old one bring it back. Nova: `revert_resize`.
enum RevertResize: InstanceOperation {
    typealias Arguments = MoveArguments

    enum Step: String, CaseIterable, Codable, Sendable, Hashable {
        /// The guest is being removed here.
        case destroying
    }

    static let name = OperationName(rawValue: "revert_resize")
    static let summary = "removes a resized instance from its new host, and sends it back"
    static let needs: [DriverOperation] = [.finishRevertMigration]
    static let events: [String] = []
    static let seesMovedAway = true

    static func instance(of arguments: MoveArguments) -> Instance { arguments.moving.instance }
    static func acceptance(of arguments: MoveArguments) -> AcceptanceRule { .ifIdle(.resizeReverting) }
    static func json(_ output: JSONValue) -> JSONValue { output }
    /// Removing what is gone is success.
    static func recovery(at step: Step) -> RecoveryRule { .goOn }

    static func perform(
        _ arguments: MoveArguments, from step: Step?, in run: OperationRun<RevertResize>
    ) async throws -> Finished<JSONValue> {
        let moving = arguments.moving
        if moving.migration?.status == .error { return try await drop(moving, run) }
        guard let migration = run.row?.migration, migration.destinationHost == run.host,
            run.row?.isElsewhere(than: run.host) == false
        else {
            let text = "the instance was not resized to this host"
            throw ComputeFault(
                .migrationFailure, "Migration error: \(text)", instance: moving.instance.id,
                arguments: ["reason": .string(text)])
        }
        if step == nil {
            // Nothing may be there yet to go back to: the guest that runs would be lost.
            let isHandedOver = migration.status == .postMigrating && run.row?.instance.taskState != nil
            if migration.status == .preMigrating || migration.status == .migrating || isHandedOver {
                throw ComputeFault(
                    .instanceInvalidState, "The resize of the instance is not over.", instance: moving.instance.id)
            }
            try await run.begin(
                moving.instance, .destroying, accept: acceptance(of: arguments)
            ) { change throws(ComputeFault) in
                change.amend { $0.pendingCast = nil }
            }
        }
        let row = try run.held()
        _ = try await run.setUpNetwork(on: run.host, teardown: true, of: row.instance)
        try await run.driver.destroy(row.instance)
        try await run.disconnectVolumes()
        let isLeaving = migration.sourceHost != run.host
        return try await run.finish(
            .null, departure: isLeaving ? migration.sourceHost : nil
        ) { change throws(ComputeFault) in
            if isLeaving {
                change.amend {
                    $0.instance.host = migration.sourceHost
                    $0.pendingCast = FinishRevertResize.name.rawValue
                }
                change.clean()
            }
            change.cast(
                run.cast(
                    FinishRevertResize.name.rawValue, to: migration.sourceHost,
                    [
                        "instance": try MovingInstance.json(of: change.row, migration: migration),
                        "migration_id": JSONValue(migration.id), "reservations": arguments.reservations,
                    ]))
        }
    }

    /// The source gave the move up: what it put here is dropped. Never a guest that is this host's own.
    private static func drop(
        _ moving: MovingInstance, _ run: OperationRun<RevertResize>
    ) async throws -> Finished<JSONValue> {
        if run.row == nil || run.row?.isElsewhere(than: run.host) == true {
            try await run.driver.destroy(moving.instance)
        }
        return try await run.answer(.null)
    }

    static func failed(_ fault: ComputeFault, _ change: inout InstanceChange) {
        let isBegun = change.instance.taskState == .resizeReverting || fault.kind == .unexpectedTaskState
        if isBegun, change.instance.host == change.host, change.row.migration != nil { change.moveFailed(fault) }
    }
}
