// SPDX-License-Identifier: Apache-2.0

internal import ComputeManager
internal import ComputeModel
internal import Glibc
internal import WorkerStore

/// What a worker answers its operators.
struct WorkerControl: ControlHandler {
    let manager: ComputeManager
    let intake: Intake
    let store: WorkerStore
    let monitor: HealthMonitor

    func answer(_ request: ControlRequest) async -> ControlAnswer {
        switch request {
        case .status: return .status(await status())
        case .tasks: return .tasks(manager.periodicTasks)
        case .operations: return .operations(manager.running)
        case .operation(let id): return .operation(manager.running.first { $0.id == id })
        case .cancel(let id):
            do {
                return .cancelled(try await manager.cancel(id))
            } catch {
                return .refused(ControlFault(.failed, "the operation could not be cancelled: \(error)"))
            }
        }
    }

    /// Looks at the journal's disk as well: while nothing comes in, nothing else would notice that it is full.
    private func status() async -> WorkerStatus {
        var reasons: [String] = []
        do { try await store.probe() } catch { reasons.append("the journal can't be written: \(error)") }
        let health = monitor.health
        // An intake that has met the same tells of it itself.
        if case .storeFails = health.intake { reasons = [] }
        reasons += health.reasons
        let load = manager.load
        let held = intake.heldCount
        let waits = held > 0 ? ["requests that wait for room for disks, unacknowledged: \(held)"] : []
        return WorkerStatus(
            host: health.host, processID: Int(getpid()), isReady: reasons.isEmpty, reasons: reasons,
            warnings: health.warnings + waits, hypervisorOutage: health.hypervisorOutage, since: monitor.since,
            running: load.running, waiting: load.waiting, outbox: store.levels.outbox, quarantined: store.quarantined.map(\.words),
            resources: HostShares(total: manager.resources.total, claimed: manager.resources.claimed))
    }
}

extension QuarantinedRow {
    /// What was set aside and why, for the operator.
    var words: String { "\(source.rawValue) of \(instance?.description ?? "no known instance"): \(reason)" }
}
