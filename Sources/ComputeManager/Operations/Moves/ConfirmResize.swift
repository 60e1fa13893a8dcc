// SPDX-License-Identifier: Apache-2.0

internal import ComputeDriver
internal import ComputeModel
internal import WorkerStore

/// Drops what the source of a resize kept. Nova: `confirm_resize`.
///
/// The two hosts of a migration share no database, so that each tells the other by a cast of the same name: the source
/// tells the destination that the instance is no longer resized, and a destination that is asked passes it on. A
/// migration that comes with the status `confirmed` is known to the sender.
enum ConfirmResize: InstanceOperation {
    typealias Arguments = MoveArguments

    enum Step: String, CaseIterable, Codable, Sendable, Hashable {
        /// What was kept is being dropped.
        case confirming
    }

    static let name = OperationName(rawValue: "confirm_resize")
    static let summary = "drops what the source of a resize kept"
    static let needs: [DriverOperation] = [.confirmMigration]
    static let events = ["resize.confirm.start", "resize.confirm.end"]
    static let seesMovedAway = true

    static func instance(of arguments: MoveArguments) -> Instance { arguments.moving.instance }
    static func acceptance(of arguments: MoveArguments) -> AcceptanceRule { .none }
    static func json(_ output: JSONValue) -> JSONValue { output }
    /// Dropping what is gone is success.
    static func recovery(at step: Step) -> RecoveryRule { .goOn }

    static func perform(
        _ arguments: MoveArguments, from step: Step?, in run: OperationRun<ConfirmResize>
    ) async throws -> Finished<JSONValue> {
        let moving = arguments.moving
        let migration = run.row?.migration ?? moving.migration
        if let migration, migration.destinationHost == run.host, migration.sourceHost != run.host {
            return try await note(moving, migration, run)
        }
        let known = run.row
        if step == nil {
            if let known { try checkIsOver(known, told: moving.migration, host: run.host) }
            try await run.begin(
                moving.instance, .confirming, accept: .none, missing: missing(known, moving.instance, run)
            ) { change throws(ComputeFault) in
                if known?.isElsewhere(than: run.host) == true { change.take(moving, over: known) }
                settle(&change)
                change.notify("resize.confirm.start")
            }
        }
        let row = try run.held()
        let network = try await run.setUpNetwork(
            on: migration?.sourceHost ?? run.host, teardown: true, of: row.instance)
        try await run.driver.confirmMigration(
            try run.migrationRequest(migration ?? unknown(row.instance, arguments.migrationID, run)))
        let owner = row.instance.host.flatMap { $0 == run.host ? nil : $0 }
        return try await run.finish(.null, departure: owner) { change throws(ComputeFault) in
            change.amend { if let network { $0.networkInfo = network } }
            change.notifyWithAddresses("resize.confirm.end")
            if row.instance.host == run.host {
                change.amend { $0.migration = nil }
                change.settleClaim()
                return
            }
            if var migration, moving.migration?.status != .confirmed {
                migration.status = .confirmed
                change.cast(try telling(migration, change.row, to: migration.destinationHost, run))
            }
            change.clean()
            change.remove()
        }
    }

    /// A move that is not over is not confirmed: its guest would be dropped where it still is. A delete may say so.
    /// Nor is one of which this host, whose instance it is, knows nothing: its network would be taken down.
    private static func checkIsOver(
        _ known: StoredInstance, told: Migration?, host: String
    ) throws(ComputeFault) {
        guard let migration = known.migration else {
            // Nor one of an instance that is on its way here.
            guard told == nil, !known.isElsewhere(than: host) || known.liveSource != nil else { return }
            throw waitsForNone(known.id)
        }
        guard told?.status != .confirmed else { return }
        let isOneHost = migration.sourceHost == migration.destinationHost
        let isUnderWay = migration.status == .preMigrating || migration.status == .migrating
        guard isUnderWay || isOneHost && known.instance.vmState != .resized else { return }
        throw waitsForNone(known.id)
    }

    private static func waitsForNone(_ id: InstanceID) -> ComputeFault {
        ComputeFault(.instanceInvalidState, "The instance waits for no confirmation of a resize.", instance: id)
    }

    /// What another host has is what the request says; what nobody knows may be left by an earlier worker.
    private static func missing(
        _ known: StoredInstance?, _ instance: Instance, _ run: OperationRun<ConfirmResize>
    ) -> OperationRun<ConfirmResize>.MissingRow {
        guard let known else { return instance.host == run.host ? .adopt : .believe }
        return known.isElsewhere(than: run.host) ? .renew : .adopt
    }

    /// Nova's API writes the state before it casts, and tells of it.
    private static func settle(_ change: inout InstanceChange) {
        change.amend { row in
            if row.instance.vmState == .resized { row.instance.vmState = .active }
            row.pendingCast = nil
        }
    }

    /// On the destination: the instance is no longer resized; the source is told where that is not known there.
    private static func note(
        _ moving: MovingInstance, _ migration: Migration, _ run: OperationRun<ConfirmResize>
    ) async throws -> Finished<JSONValue> {
        guard let row = run.row, row.migration != nil, !row.isElsewhere(than: run.host) else {
            return try await run.answer(.null)
        }
        let isKnownThere = moving.migration?.status == .confirmed
        guard isKnownThere || row.instance.vmState == .resized else {
            throw waitsForNone(row.id)
        }
        return try await run.finish(.null) { change throws(ComputeFault) in
            if row.instance.vmState == .resized { change.update { $0.vmState = .active } }
            if isKnownThere {
                change.amend { $0.migration = nil }
            } else {
                var confirmed = migration
                confirmed.status = .confirmed
                change.amend { $0.pendingCast = name.rawValue }
                change.cast(try telling(confirmed, change.row, to: migration.sourceHost, run))
            }
        }
    }

    private static func telling(
        _ migration: Migration, _ row: StoredInstance, to host: String, _ run: OperationRun<ConfirmResize>
    ) throws(ComputeFault) -> OutgoingCast {
        run.cast(
            name.rawValue, to: host,
            [
                "instance": try MovingInstance.json(of: row, migration: migration),
                "migration_id": JSONValue(migration.id), "reservations": .null,
            ])
    }

    /// A migration of which nothing is known but that it was from here.
    private static func unknown(
        _ instance: Instance, _ number: Int, _ run: OperationRun<ConfirmResize>
    ) -> Migration {
        Migration(
            id: number, sourceHost: run.host, destinationHost: instance.host ?? run.host, destinationAddress: "",
            oldFlavor: instance.flavorInUse, newFlavor: instance.flavorInUse, status: .finished)
    }

    /// An instance that is another host's is not put into ERROR by this one; nor is one that waits for no confirmation.
    static func failed(_ fault: ComputeFault, _ change: inout InstanceChange) {
        let host = change.instance.host
        // A row without a host is what a build has left that failed here.
        if fault.kind == .instanceInvalidState, host == nil || host == change.host { return }
        if host == change.host {
            change.moveFailed(fault, hasTask: false)
        } else if change.row.migration == nil, change.row.liveSource == nil {
            change.remove()
        }
    }
}
