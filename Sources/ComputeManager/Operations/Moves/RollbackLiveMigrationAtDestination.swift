// SPDX-License-Identifier: Apache-2.0

internal import ComputeDriver
internal import ComputeModel
internal import Logging
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
    static let outlastsOutages = true

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
        if try await hasCome(row.id, run) {
            // Nor is one that came though its source does not know of it. But one that runs there as well must not run
            // here: a hypervisor that stood still at the hand-over has it running twice, on one disk.
            guard arguments.runsAtSource else { return try await run.answer(.null) }
            run.services.logger.warning(
                "a guest that was to come runs here and on the host that it did not leave; this one is switched off",
                metadata: [LogKey.instance: .string(row.id.description)])
            try await run.driver.powerOff(row.instance, interruptedBy: run.token)
        }
        try await takeDown(run)
        return try await run.finish(.null) { change throws(ComputeFault) in
            change.clean()
            change.remove()
        }
    }

    /// Whether a guest is here for good: one that is coming is paused, and goes again when its move was given up.
    private static func hasCome(
        _ id: InstanceID, _ run: OperationRun<RollbackLiveMigrationAtDestination>
    ) async throws -> Bool {
        let absent: Set<PowerState> = [.shutdown, .crashed, .noState]
        for _ in 0..<10 {
            let state = try await run.driver.powerState(id)
            if state == .running { return true }
            if absent.contains(state) { return false }
            try await run.services.clock.sleep(for: .seconds(1))
        }
        return true
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

    /// The same for what a preparation that failed has made: nothing of it stands on the books any more.
    static func giveUp(_ run: OperationRun<PreLiveMigration>) async throws {
        try await takeDown(run)
        run.markUndone()
        try await run.commit(.preparing) { change throws(ComputeFault) in
            change.clean()
            change.amend { $0.liveSource = nil }
        }
    }

    /// The row stays, for another rollback or a delete.
    static func failed(_ fault: ComputeFault, _ change: inout InstanceChange) {}
}
