// SPDX-License-Identifier: Apache-2.0

internal import ComputeDriver
internal import ComputeModel
internal import WorkerStore

/// Brings an instance back on the host that it was resized or moved from. Nova: `finish_revert_resize`.
enum FinishRevertResize: InstanceOperation {
    typealias Arguments = MoveArguments

    enum Step: String, CaseIterable, Codable, Sendable, Hashable {
        /// The driver is bringing the guest back.
        case reverting
    }

    static let name = OperationName(rawValue: "finish_revert_resize")
    static let summary = "brings an instance back on the host that it was resized from"
    static let needs: [DriverOperation] = [.finishRevertMigration]
    static let events = ["resize.revert.start", "resize.revert.end"]
    static let seesMovedAway = true

    static func instance(of arguments: MoveArguments) -> Instance { arguments.moving.instance }
    static func acceptance(of arguments: MoveArguments) -> AcceptanceRule { .ifIdle(.resizeReverting) }
    static func json(_ output: JSONValue) -> JSONValue { output }
    /// A guest that is back stays as it is; what it came from is dropped.
    static func recovery(at step: Step) -> RecoveryRule { .goOn }

    static func perform(
        _ arguments: MoveArguments, from step: Step?, in run: OperationRun<FinishRevertResize>
    ) async throws -> Finished<JSONValue> {
        let moving = arguments.moving
        let known = run.row
        guard let known else { throw ComputeFault.instanceNotFound(moving.instance.id) }
        let isAway = known.isElsewhere(than: run.host)
        let migration = try reverted(moving, known, on: run.host, isAway: isAway, isResumed: step != nil)
        if step == nil {
            let network = try await run.currentNetwork(of: known.instance)
            try await run.begin(
                moving.instance, .reverting, accept: acceptance(of: arguments), missing: isAway ? .renew : .adopt
            ) { change throws(ComputeFault) in
                change.take(moving, over: known, keepsDevices: !isAway)
                change.amend { if let network { $0.networkInfo = network } }
                change.notify("resize.revert.start")
                let host = change.host
                change.update { $0.host = host }
            }
        }
        let id = moving.instance.id
        // What a worker that died has begun at the hypervisor ends first.
        if step != nil { _ = try await run.guest(id) }
        _ = try await run.setUpNetwork(on: migration.sourceHost, of: try run.held().instance)
        let devices = try await run.connectVolumes()
        try run.checkInterruption(by: .superseded)
        try await run.driver.finishRevertMigration(try run.migrationRequest(migration, devices))
        let power = try await run.driver.powerState(id)
        let restored = try run.held().instance.resized(to: migration.oldFlavor)
        return try await run.finish(.null) { change throws(ComputeFault) in
            let now = change.now
            try change.update(expecting: [.resizeReverting]) { instance in
                instance = restored.refreshed(keepingStatesOf: instance)
                instance.vmState = .active
                instance.taskState = nil
                instance.powerState = power
                instance.launchedAt = now
            }
            change.releaseClaim(.resize)
            change.amend {
                devices.write(to: &$0)
                $0.migration = nil
            }
            change.notify("resize.revert.end")
        }
    }

    /// The migration that is being reverted. What the worker of the other host has not sent is refused while the guest
    /// may run there, and here what nobody has begun to revert.
    private static func reverted(
        _ moving: MovingInstance, _ known: StoredInstance, on host: String, isAway: Bool, isResumed: Bool
    ) throws(ComputeFault) -> Migration {
        guard let migration = known.migration, migration.sourceHost == host,
            isResumed || !isAway || moving.migration?.id == migration.id
        else {
            let text = "no resize of the instance is being reverted to this host"
            throw ComputeFault(
                .migrationFailure, "Migration error: \(text)", instance: known.id, arguments: ["reason": .string(text)])
        }
        // One that failed may be asked for again.
        if !isResumed, !isAway, known.instance.taskState != .resizeReverting, known.instance.vmState != .error {
            throw ComputeFault(
                .instanceInvalidState, "The resize of the instance is not being reverted.", instance: known.id)
        }
        return migration
    }

    static func failed(_ fault: ComputeFault, _ change: inout InstanceChange) {
        if change.instance.taskState != .resizeReverting, fault.refusesMove { return }
        change.moveFailed(fault)
    }
}
