// SPDX-License-Identifier: Apache-2.0

internal import ComputeModel
internal import WorkerStore

/// What a delete does to an instance that moves, or waits for the confirmation of its resize: nothing of it stays on
/// either host.
struct MoveEnd: Sendable {
    let run: OperationRun<TerminateInstance>
    /// The instance as the request brings it; with a migration that is confirmed where its source passed the delete on.
    let asked: Instance

    /// The host that is to do the delete, where the instance is another's.
    var owner: String? {
        guard let row = run.row, row.isElsewhere(than: run.host) else { return nil }
        return row.instance.host
    }

    /// Passes the delete on to the host that has the instance, which tells of it; what the source of a resize kept here
    /// goes. A host that a guest is on its way to is told by the source what becomes of that.
    func passOn(to owner: String) async throws -> Finished<JSONValue> {
        let row = try run.held()
        let isSource = row.migration?.sourceHost == run.host
        if isSource, let migration = row.migration {
            try await run.driver.confirmMigration(try run.migrationRequest(migration))
        }
        return try await run.finish(.null) { change throws(ComputeFault) in
            var settled = row.migration
            settled?.status = .confirmed
            let instance = try isSource ? MovingInstance.json(of: row, migration: settled) : row.instance.json
            change.cast(run.cast(TerminateInstance.name.rawValue, to: owner, ["instance": instance]))
            if isSource || row.isGone {
                change.clean()
                change.remove()
            }
        }
    }

    /// Drops what a resize left here beside the guest.
    func dropRest() async throws {
        guard let migration = run.row?.migration, migration.sourceHost == run.host else { return }
        try await run.driver.confirmMigration(try run.migrationRequest(migration))
    }

    /// Has the other host drop what it holds of the instance.
    func tellOther(_ change: inout InstanceChange) throws(ComputeFault) {
        guard var migration = change.row.migration, try MovingInstance(asked).migration?.status != .confirmed else {
            return
        }
        let method: String
        let other: String
        if migration.sourceHost != run.host {
            (method, other) = (ConfirmResize.name.rawValue, migration.sourceHost)
            migration.status = .confirmed
        } else if migration.destinationHost != run.host, migration.status != .preMigrating {
            (method, other) = (RevertResize.name.rawValue, migration.destinationHost)
            migration.status = .error
        } else {
            return
        }
        change.cast(
            run.cast(
                method, to: other,
                [
                    "instance": try MovingInstance.json(of: change.row, migration: migration),
                    "migration_id": JSONValue(migration.id), "reservations": .null,
                ]))
    }
}
