// SPDX-License-Identifier: Apache-2.0

internal import ComputeModel
internal import WorkerStore

/// What a row keeps while its instance moves.
extension StoredInstance {
    private static let migrationKey = "migration"
    private static let liveSourceKey = "live_migration_from"
    private static let goneKey = "moved"
    private static let pendingCastKey = "pending_cast"

    static let keysOfTheMove = [migrationKey, liveSourceKey, goneKey, pendingCastKey]

    /// The resize that is under way, or that waits for its confirmation.
    var migration: Migration? {
        get { details[Self.migrationKey].flatMap { Migration($0) } }
        set { details[Self.migrationKey] = newValue?.json }
    }

    /// The host from which the guest is to come while it runs; nil where none is to.
    var liveSource: String? {
        get { details[Self.liveSourceKey]?.string }
        set { details[Self.liveSourceKey] = newValue.map { .string($0) } }
    }

    /// Whether the guest moved away while it ran, and the row only knows where to.
    var isGone: Bool {
        get { details[Self.goneKey]?.bool ?? false }
        set { details[Self.goneKey] = newValue ? true : nil }
    }

    /// The method of the cast to another worker that decides what becomes of the row; see ``MoveFate``.
    var pendingCast: String? {
        get { details[Self.pendingCastKey]?.string }
        set { details[Self.pendingCastKey] = newValue.map { .string($0) } }
    }

    /// Whether the instance is another host's, and what is here waits for its coming or for its return.
    func isElsewhere(than host: String) -> Bool {
        guard let owner = instance.host, owner != host else { return false }
        return details[Self.migrationKey] != nil || details[Self.liveSourceKey] != nil || isGone
    }
}

extension ComputeFault {
    /// Whether a part of a move may be refused so before it has done anything: the guest is as it was.
    var refusesMove: Bool {
        switch kind {
        case .migrationFailure, .instanceInvalidState, .unexpectedTaskState: true
        default: false
        }
    }
}

extension InstanceChange {
    /// Takes the row's moves, its details and its network from where they are known: `known`, the row before, and what
    /// came along.
    ///
    /// - Parameter keepsDevices: whether the row is this host's own, which knows of volumes that came or went since what
    ///   came along was written.
    mutating func take(_ moving: MovingInstance, over known: StoredInstance? = nil, keepsDevices: Bool = false) {
        amend { row in
            if let known {
                row.details = known.details
                row.networkInfo = known.networkInfo
            }
            for member in moving.details.members where !keepsDevices || member.key != BlockDevices.key {
                row.details[member.key] = member.value
            }
            if !moving.networkInfo.isEmpty { row.networkInfo = moving.networkInfo }
            if let migration = moving.migration { row.migration = migration }
            row.pendingCast = nil
        }
    }

    mutating func setMigration(_ status: Migration.Status) {
        amend { row in
            guard var migration = row.migration else { return }
            migration.status = status
            row.migration = migration
        }
    }

    /// Nova's `_error_out_instance_on_exception` and `reverts_task_state`: ERROR, then no task, unless the task was
    /// another's; what was refused or given up before it did harm loses its task only.
    ///
    /// - Parameter hasTask: false for what takes no task, and so clears none.
    mutating func moveFailed(_ fault: ComputeFault, hasTask: Bool = true, elevated: Bool = false) {
        switch fault.kind {
        case .unsupportedOperation, .superseded, .cancelled, .badArguments: break
        default: update(elevated: elevated) { $0.vmState = .error }
        }
        if hasTask { revertTask(fault, elevated: elevated) }
    }
}
