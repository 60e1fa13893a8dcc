// SPDX-License-Identifier: Apache-2.0

internal import ComputeDriver
internal import ComputeModel
internal import Logging
internal import WorkerStore

/// Moves a running guest to another host. Nova: `live_migration`.
///
/// Until the driver says that the guest runs over there it is this host's, and a failure, a cancel or a worker that
/// began anew leaves it running here. From then on it is the other's: what is left to do here is done, and the other
/// is told until it has heard.
enum LiveMigration: InstanceOperation {
    struct Arguments: Sendable {
        let instance: Instance
        let destination: String
        /// Whether the local disks come along.
        let takesDisks: Bool
        /// What the hosts' checks said.
        let migrateData: JSONObject
    }

    enum Step: String, CaseIterable, Codable, Sendable, Hashable {
        /// The destination is asked to get ready.
        case preparing
        /// The driver is moving the guest.
        case moving
        /// The guest runs over there.
        case moved
        /// The guest stays here; what was prepared is being taken back.
        case rollingBack
    }

    /// Where the destination finds what the checks said.
    static let migrateDataKey = "migrate_data"

    static let name = OperationName(rawValue: "live_migration")
    static let summary = "moves a running guest to another host"
    static let needs: [DriverOperation] = [.liveMigrate]
    static let events: [String] = []

    static func instance(of arguments: Arguments) -> Instance { arguments.instance }
    static func acceptance(of arguments: Arguments) -> AcceptanceRule { .ifIdle(.migrating) }
    static func json(_ output: JSONValue) -> JSONValue { output }
    /// A move that was under way is given up, and the guest is looked for: what runs here stays, what is gone has
    /// moved.
    static func recovery(at step: Step) -> RecoveryRule {
        switch step {
        case .moving: .redoUnlessDone
        case .preparing, .moved, .rollingBack: .goOn
        }
    }

    static func perform(
        _ arguments: Arguments, from step: Step?, in run: OperationRun<LiveMigration>
    ) async throws -> Finished<JSONValue> {
        let move = LiveMove(arguments: arguments, run: run)
        if step == nil {
            if arguments.destination == run.host {
                throw ComputeFault.invalid("the instance is on this host already", instance: arguments.instance.id)
            }
            // What is on neither host can't be told from what has moved.
            guard try await run.driver.info(arguments.instance.id) != nil else {
                throw ComputeFault.instanceNotFound(arguments.instance.id)
            }
            let network = try await run.currentNetwork(of: arguments.instance)
            try await run.begin(
                arguments.instance, .preparing, accept: acceptance(of: arguments), expecting: [.migrating]
            ) { change throws(ComputeFault) in
                change.amend { if let network { $0.networkInfo = network } }
            }
        }
        do {
            switch step {
            case .moved?: break
            case .rollingBack?, .moving?:
                if step == .rollingBack { throw move.interrupted }
                if try await move.isStillHere() { throw move.interrupted }
                try await run.commit(.moved) { _ throws(ComputeFault) in }
            case .preparing?, nil:
                try run.checkInterruption()
                try await move.prepare()
                try await run.commit(.moving) { _ throws(ComputeFault) in }
                try run.checkInterruption()
                try await move.move()
                try await run.commit(.moved) { _ throws(ComputeFault) in }
            }
        } catch let fault as ComputeFault {
            try await move.rollBack()
            throw fault
        }
        return try await move.complete()
    }

    /// A guest that has gone is given up by nobody: its host is told by a cast, and the row here says where it is.
    static func undo(_ arguments: Arguments, in run: OperationRun<LiveMigration>) async throws {
        let move = LiveMove(arguments: arguments, run: run)
        let step = try run.entry.step.flatMap { try OperationRun<LiveMigration>.decode($0) }
        switch step {
        case .moving?, .moved?:
            if try await move.isStillHere() { return try await move.rollBack() }
            try await run.commit(.moved) { change throws(ComputeFault) in try move.handOver(&change) }
        case .preparing?, .rollingBack?, nil: try await move.rollBack()
        }
    }

    /// Nova's `_rollback_live_migration`; a guest that is not here is not this host's to call active.
    static func failed(_ fault: ComputeFault, _ change: inout InstanceChange) {
        guard fault.kind != .unexpectedTaskState, change.instance.taskState == .migrating, !change.row.isGone else {
            return
        }
        let state = fault.kind == .instanceNotFound ? VMState.error : .active
        change.update {
            $0.vmState = state
            $0.taskState = nil
        }
    }
}
