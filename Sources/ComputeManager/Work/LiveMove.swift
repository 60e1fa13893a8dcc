// SPDX-License-Identifier: Apache-2.0

internal import ComputeDriver
internal import ComputeModel
internal import Logging
internal import WorkerStore

/// The parts of a live migration that are no state changes: what both hosts get ready, the move, what follows it.
struct LiveMove: Sendable {
    let arguments: LiveMigration.Arguments
    let run: OperationRun<LiveMigration>

    private var destination: String { arguments.destination }

    /// What a move that a restart cut off ends with.
    var interrupted: ComputeFault {
        run.token.reason?.fault(run.entry.method, instance: arguments.instance.id)
            ?? ComputeFault(
                .migrationFailure, "Migration error: the move was cut off, and the guest stayed where it was",
                instance: arguments.instance.id, arguments: ["reason": "the move was cut off"], isRetriable: true)
    }

    /// Whether the destination takes back what it prepared also where no disks come along; a nova-compute would remove
    /// the instance's files on shared storage.
    private var isRolledBackThere: Bool {
        arguments.takesDisks || arguments.migrateData[CheckCanLiveMigrateDestination.rollsBackKey]?.bool == true
    }

    /// The instance as the destination gets it.
    private func moving() throws(ComputeFault) -> JSONValue {
        try MovingInstance.json(
            of: try run.held(), migration: nil, also: [LiveMigration.migrateDataKey: .object(arguments.migrateData)])
    }

    /// Has the destination get ready.
    func prepare() async throws {
        let instance = try run.held().instance
        var disks = JSONValue.null
        if arguments.takesDisks {
            let list = try await run.driver.disks(of: instance)
            disks = .string(JSONWriter.text(.array(list.map(\.json))))
        }
        _ = try await run.ask(
            destination, PreLiveMigration.name.rawValue,
            ["instance": try moving(), "block_migration": .bool(arguments.takesDisks), "disk": disks])
    }

    /// Has the driver move the guest. What fails though the guest is gone has not failed: its answer was lost.
    func move() async throws {
        let row = try run.held()
        let request = LiveMigrationRequest(
            instance: row.instance, destination: destination, takesDisks: arguments.takesDisks,
            migrateData: arguments.migrateData, networkInfo: row.networkInfo, blockDevices: row.guest.blockDevices,
            progress: run.progress)
        do {
            try await run.driver.liveMigrate(request, interruptedBy: run.token)
        } catch let fault as ComputeFault {
            if try await isStillHere() { throw fault }
        }
    }

    /// Where the guest is, after a move of which nobody knows how it ended: given up first, where it may go on. A guest
    /// that is off here is over there if that host has it.
    func isStillHere() async throws -> Bool {
        let instance = try run.held().instance
        try await run.attempting("abort_live_migration") { _ = try await run.driver.abortLiveMigration(of: instance) }
        guard let guest = try await run.driver.info(instance.id) else { return false }
        if guest.powerState != .shutdown { return true }
        do {
            try await tell()
            return false
        } catch let fault as ComputeFault where fault.kind == .instanceNotFound {
            return true
        }
    }

    /// Tells the destination that the guest is its own.
    private func tell() async throws {
        _ = try await run.ask(
            destination, PostLiveMigrationAtDestination.name.rawValue,
            ["instance": try moving(), "block_migration": .bool(arguments.takesDisks)])
    }

    /// The guest has moved: what it leaves here goes, and the destination is told, by a cast where nobody answers now.
    func complete() async throws -> Finished<JSONValue> {
        try await run.attempting("volume connections") { try await run.disconnectVolumes() }
        var isTold = true
        do {
            try await tell()
        } catch let fault as ComputeFault {
            isTold = false
            run.services.logger.warning(
                "the host of a guest that moved does not answer; it is told by a cast",
                metadata: [
                    LogKey.instance: .string(arguments.instance.id.description), LogKey.error: .string(fault.message),
                ])
        }
        try await run.attempting("clean up after the move") {
            try await run.driver.cleanUpAfterLiveMigration(try run.held().guest)
        }
        try await run.attempting("network teardown") {
            _ = try await run.peers.network.setUpNetworks(
                of: try run.held().instance, on: run.host, teardown: true, context: run.request.context)
        }
        let word: JSONObject = ["instance": try moving(), "block_migration": .bool(arguments.takesDisks)]
        return try await run.finish(.null) { change throws(ComputeFault) in
            change.clean()
            if !isTold {
                change.cast(run.cast(PostLiveMigrationAtDestination.name.rawValue, to: destination, word))
            }
            guard run.token.reason == .superseded else { return change.remove() }
            // A delete waits, and is to find out where the guest is.
            change.amend {
                $0.instance.host = destination
                $0.isGone = true
            }
        }
    }

    /// The guest stays: what was made ready over there goes.
    func rollBack() async throws {
        guard let row = run.row, row.instance.taskState == .migrating else { return }
        try await run.commit(.rollingBack) { change throws(ComputeFault) in
            guard isRolledBackThere else { return }
            change.cast(
                run.cast(
                    RollbackLiveMigrationAtDestination.name.rawValue, to: destination,
                    ["instance": try MovingInstance.json(of: change.row, migration: nil)]))
        }
        try await run.attempting("setup_networks_on_host") {
            _ = try await run.peers.network.setUpNetworks(
                of: row.instance, on: run.host, teardown: false, context: run.request.context)
        }
        for volumeID in BlockDevices(row).elements.compactMap(\.volumeID) {
            try await run.attempting("remove_volume_connection") {
                _ = try await run.ask(
                    destination, "remove_volume_connection",
                    ["instance": row.instance.json, "volume_id": .string(volumeID)])
            }
        }
    }
}
