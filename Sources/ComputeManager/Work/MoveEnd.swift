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
    func owner() async throws -> String? {
        guard let row = run.row, row.isElsewhere(than: run.host) else { return nil }
        // A guest that has come is here, whoever knows of it.
        if row.liveSource != nil, try await run.driver.powerState(row.id) == .running { return nil }
        return row.instance.host
    }

    /// The host for which the instance has left this one, where nothing of it is here any more; nil too where the
    /// delete has come from there: it would go round for ever.
    func newHost() async throws -> String? {
        guard run.row == nil, let host = run.services.departed[asked.id], host != run.host,
            !passedOnBy.contains(.string(host)), try await run.driver.info(asked.id) == nil
        else { return nil }
        return host
    }

    /// Sends the delete after an instance that has left; nothing is told here of what is not here.
    func forward(to host: String) async throws -> Finished<JSONValue> {
        var instance = asked
        instance.host = host
        return try await run.answer(
            .null, casting: [try passingOn(instance, to: host)], note: Departure.words(host))
    }

    /// The hosts that have passed this delete on.
    private var passedOnBy: [JSONValue] {
        asked.fields[MovingInstance.detailsField]?[MovingInstance.passedOnKey]?.array ?? []
    }

    private func passingOn(_ instance: Instance, to host: String) throws(ComputeFault) -> OutgoingCast {
        var details = instance.fields[MovingInstance.detailsField]?.object ?? JSONObject()
        details[MovingInstance.passedOnKey] = .array(passedOnBy + [.string(run.host)])
        let marked = try instance.with([MovingInstance.detailsField: .object(details)])
        return run.cast(TerminateInstance.name.rawValue, to: host, ["instance": marked.json])
    }

    /// A guest that came, and that its source has not told of, becomes this host's before it goes.
    func takeOver() async throws {
        guard let row = run.row, row.liveSource != nil else { return }
        try await run.attempting("post_live_migration_at_destination") {
            try await run.driver.finishLiveMigrationAtDestination(row.guest)
        }
    }

    /// Passes the delete on to the host that has the instance, which tells of it; what the source of a resize kept here
    /// goes. A host that a guest is on its way to is told by the source what becomes of that.
    func passOn(to owner: String) async throws -> Finished<JSONValue> {
        let row = try run.held()
        let isSource = row.migration?.sourceHost == run.host
        try await run.persisting {
            if isSource, let migration = row.migration {
                try await run.driver.confirmMigration(try run.migrationRequest(migration))
            }
            // What a guest that moved while it ran may have left.
            if row.isGone { try await run.driver.destroy(row.instance) }
        }
        return try await run.finish(.null, departure: owner) { change throws(ComputeFault) in
            var settled = row.migration
            settled?.status = .confirmed
            let instance = try isSource ? MovingInstance.packed(row, migration: settled) : row.instance
            change.cast(try passingOn(instance, to: owner))
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
