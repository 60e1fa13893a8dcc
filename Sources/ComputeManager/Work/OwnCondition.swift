// SPDX-License-Identifier: Apache-2.0

internal import ComputeModel
internal import WorkerStore

/// The state out of which a request of the worker's own is to bring an instance; one that has left it by the time of
/// its turn is left alone.
///
/// Kept in the request's id, so that it holds across a restart.
enum OwnCondition: String, Sendable, CaseIterable {
    case rebooting = "poll_rebooting_instances"
    case rescued = "poll_rescued_instances"
    case resized = "poll_unconfirmed_resizes"
    case softDeleted = "reclaim_queued_deletes"
    case downWithHost = "resume_guests_state_on_host_boot"

    /// The condition of a journaled request; nil for one that has none, as every one that arrived.
    init?(_ entry: JournalEntry) {
        guard let parts = entry.uniqueID?.split(separator: ":", maxSplits: 2), parts.first == "own", parts.count == 3
        else { return nil }
        self.init(rawValue: String(parts[1]))
    }

    /// Whether it goes before nothing: whatever else was asked for the instance is somebody's wish.
    var yieldsToOthers: Bool {
        switch self {
        // A volume that is to be attached is no reason to leave a guest off.
        case .rebooting, .downWithHost: false
        case .rescued, .resized, .softDeleted: true
        }
    }

    func holds(_ instance: Instance) -> Bool {
        switch self {
        case .rebooting: instance.taskState == .rebooting
        case .rescued: instance.vmState == .rescued && instance.taskState == nil
        case .resized: instance.vmState == .resized && instance.taskState == nil
        // A delete that failed leaves its task.
        case .softDeleted:
            instance.vmState == .softDeleted && (instance.taskState == nil || instance.taskState == .deleting)
        case .downWithHost: PowerSync.isJudged(instance) && instance.powerState == .running
        }
    }
}

extension OperationEngine {
    /// Ends a request of the worker's own in its turn where its reason has gone, or another's request waits; nil where
    /// it is to be done.
    func endNeedless(_ entry: JournalEntry, _ row: StoredInstance?) async throws -> Ending? {
        guard entry.step == nil, let condition = OwnCondition(entry), let instance = entry.instance else { return nil }
        var isNeeded = row.map { condition.holds($0.instance) } ?? false
        if isNeeded, condition.yieldsToOthers {
            isNeeded = try await !services.read { try $0.hasUnfinished(of: instance, besides: entry.id) }
        }
        if isNeeded { return nil }
        let plan = CommitPlan(
            entry: entry.id,
            journal: .finish(.superseded, error: "The instance is no more as \(condition.rawValue) found it."),
            change: nil, messages: [])
        try await services.write { try plan.apply(to: $0) }
        return .finished(.superseded)
    }
}
