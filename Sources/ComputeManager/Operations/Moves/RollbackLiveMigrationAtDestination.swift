// SPDX-License-Identifier: Apache-2.0

internal import ComputeDriver
internal import ComputeModel
internal import WorkerStore

/// Removes what was made here for a guest that did not come. Nova: `rollback_live_migration_at_destination`.
enum RollbackLiveMigrationAtDestination: InstanceOperation {
    typealias Arguments = MovingInstance
    typealias Step = NoStep

    static let name = OperationName(rawValue: "rollback_live_migration_at_destination")
    static let summary = "removes what was made for a guest that did not come"
    static let needs: [DriverOperation] = [.rollBackLiveMigrationAtDestination]
    static let events: [String] = []
    static let seesMovedAway = true

    static func instance(of arguments: MovingInstance) -> Instance { arguments.instance }
    static func acceptance(of arguments: MovingInstance) -> AcceptanceRule { .none }
    static func json(_ output: JSONValue) -> JSONValue { output }
    /// Removing what is gone is success.
    static func recovery(at step: NoStep) -> RecoveryRule { .goOn }

    static func perform(
        _ arguments: MovingInstance, from step: NoStep?, in run: OperationRun<RollbackLiveMigrationAtDestination>
    ) async throws -> Finished<JSONValue> {
        guard let row = run.row else {
            try await run.driver.rollBackLiveMigrationAtDestination(GuestRequest(instance: arguments.instance))
            return try await run.answer(.null)
        }
        // A guest that is this host's own is not the one that did not come.
        guard row.liveSource != nil else { return try await run.answer(.null) }
        try await takeDown(run)
        return try await run.finish(.null) { change throws(ComputeFault) in
            change.clean()
            change.remove()
        }
    }

    /// Takes down what was made ready; all of it may be done twice.
    static func takeDown<Operation>(_ run: OperationRun<Operation>) async throws {
        let row = try run.held()
        try await run.attempting("network teardown") {
            try await run.peers.network.setUpNetworks(
                of: row.instance, on: run.host, teardown: true, context: run.request.context)
        }
        try await run.attempting("volume connections") { try await run.disconnectVolumes() }
        try await run.driver.rollBackLiveMigrationAtDestination(row.guest)
    }

    /// The row stays, for another rollback or a delete.
    static func failed(_ fault: ComputeFault, _ change: inout InstanceChange) {}
}
