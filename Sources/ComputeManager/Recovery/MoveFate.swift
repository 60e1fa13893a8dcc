// SPDX-License-Identifier: Apache-2.0

internal import ComputeModel
internal import Logging
internal import WorkerStore

/// What becomes of an instance whose move another worker is to go on with.
///
/// Taken: what was only a note here goes. Returned, because no worker is there: where nothing has happened yet the
/// instance is as it was; where its guest is off it ends in ERROR on the host that has what is left of it. Either is
/// told by an error event.
struct MoveFate: CastObserver {
    let services: ManagerServices

    private var host: String { services.configuration.host }

    func castWasTaken(_ message: OutboxMessage, in transaction: borrowing StoreTransaction) throws {
        guard let id = message.instance, var row = try transaction.instance(id), let method = row.pendingCast,
            request(message)?.method == method
        else { return }
        if method == ResizeInstance.name.rawValue || method == FinishRevertResize.name.rawValue,
            row.isElsewhere(than: host)
        {
            try transaction.releaseClaims(of: id)
            return try transaction.remove(id)
        }
        row.pendingCast = nil
        if method == ConfirmResize.name.rawValue { row.migration = nil }
        try transaction.save(row)
    }

    func castWasReturned(
        _ message: OutboxMessage, reason: String, in transaction: borrowing StoreTransaction
    ) throws {
        guard let request = request(message), let failed = Self.senders[request.method] else { return }
        let row = try message.instance.flatMap { try transaction.instance($0) }
        let fault = ComputeFault(
            .unavailable, "No worker took \(request.method) (\(reason)).", instance: message.instance,
            arguments: ["reason": .string("no worker took \(request.method)")])
        let context = request.context.redacted()
        services.logger.error(
            "no worker took a cast",
            metadata: [
                LogKey.method: .string(request.method), LogKey.error: .string(reason),
                LogKey.instance: .string(message.instance?.description ?? "-"),
            ])
        guard let row, row.pendingCast == request.method else {
            let event = services.events.errorEvent(failed, fault, arguments: request.arguments, context: context)
            let key = message.instance?.description ?? "cast:\(request.method)"
            for row in services.encoder.rows(of: event, orderingKey: key, instance: message.instance) {
                try transaction.enqueue(row)
            }
            return
        }
        var change = InstanceChange(row: row, context: context, events: services.events)
        let isNote = settle(request.method, &change)
        change.notifyFailure(failed, fault, arguments: request.arguments)
        for event in services.encoder.messages(of: change) { try transaction.enqueue(event) }
        if isNote {
            try transaction.releaseClaims(of: change.row.id)
            try transaction.remove(change.row.id)
        } else {
            if request.method == ResizeInstance.name.rawValue {
                try transaction.releaseClaim(StoredClaim.Key(instance: change.row.id, purpose: .resize))
            }
            try transaction.save(change.row)
        }
    }

    /// Writes what the instance is now; whether there was nothing but a note of it here.
    private func settle(_ method: String, _ change: inout InstanceChange) -> Bool {
        change.amend { $0.pendingCast = nil }
        let isElsewhere = change.row.isElsewhere(than: host)
        switch method {
        case ResizeInstance.name.rawValue:
            change.update { $0.taskState = nil }
            change.amend { $0.migration = nil }
            return isElsewhere
        case ConfirmResize.name.rawValue:
            change.update { $0.vmState = .resized }
        default:
            // The guest is off, and what there is of it is here.
            change.amend { $0.instance.host = host }
            change.update { $0.vmState = .error }
            change.update { $0.taskState = nil }
        }
        return false
    }

    /// The method whose work a cast goes on with.
    private static let senders = [
        ResizeInstance.name.rawValue: PrepResize.name.rawValue,
        FinishResize.name.rawValue: ResizeInstance.name.rawValue,
        FinishRevertResize.name.rawValue: RevertResize.name.rawValue,
        ConfirmResize.name.rawValue: ConfirmResize.name.rawValue,
        RevertResize.name.rawValue: ResizeInstance.name.rawValue,
        PostLiveMigrationAtDestination.name.rawValue: LiveMigration.name.rawValue,
        RollbackLiveMigrationAtDestination.name.rawValue: LiveMigration.name.rawValue,
        TerminateInstance.name.rawValue: TerminateInstance.name.rawValue,
    ]

    /// A cast is read as the other worker reads it; what is no request moves nothing.
    private func request(_ message: OutboxMessage) -> RPCRequest? { try? services.decoder.decode(message.body) }
}

extension InstanceChange {
    /// The row as it is to be written: with the fate of its cast where that is known since the change began; nil where
    /// it was but a note that went with that.
    func settledRow(in transaction: borrowing StoreTransaction) throws -> StoredInstance? {
        guard let pendingCast, row.pendingCast == pendingCast else { return row }
        guard let stored = try transaction.instance(row.id) else {
            return row.isElsewhere(than: host) ? nil : row
        }
        guard stored.pendingCast != pendingCast else { return row }
        var row = row
        row.pendingCast = stored.pendingCast
        row.migration = stored.migration
        row.instance.host = stored.instance.host
        return row
    }
}
