// SPDX-License-Identifier: Apache-2.0

internal import ComputeModel
internal import Logging
internal import WorkerStore

/// What becomes of a build that was handed back to the scheduler: gone from here, or, where nobody took it, an ERROR.
struct BuildFate: CastObserver {
    let services: ManagerServices

    func castWasTaken(_ message: OutboxMessage, in transaction: borrowing StoreTransaction) throws {
        guard let id = message.instance, let row = try transaction.instance(id), Self.isHandedBack(row) else { return }
        try transaction.remove(id)
    }

    func castWasReturned(
        _ message: OutboxMessage, reason: String, in transaction: borrowing StoreTransaction
    ) throws {
        guard let id = message.instance, let row = try transaction.instance(id), Self.isHandedBack(row) else { return }
        let context =
            row.details[Build.contextKey]?.object.map { RequestContext(fields: $0) }
            ?? .admin(requestID: "req-\(services.identifiers.next().dashed)")
        let fault = ComputeFault(
            .computeResourcesUnavailable, "The build failed here, and no scheduler took it back (\(reason)).",
            instance: id, arguments: ["reason": "no scheduler took the build back"])
        var change = InstanceChange(row: row, context: context, events: services.events)
        change.amend { $0.details[Build.contextKey] = nil }
        RunInstance.failed(fault, &change)
        change.notifyFailure(
            RunInstance.name.rawValue, fault, arguments: ["instance": change.instance.json])
        try transaction.save(change.row)
        for event in services.encoder.messages(of: change) { try transaction.enqueue(event) }
        services.logger.error(
            "no scheduler took a failed build back",
            metadata: [LogKey.instance: .string(id.description), LogKey.error: .string(reason)])
    }

    /// Whether the row still waits for the scheduler; a build that came back here is a new one and none of this cast's.
    private static func isHandedBack(_ row: StoredInstance) -> Bool {
        row.instance.host == nil && row.instance.taskState == .scheduling && row.details[Build.contextKey] != nil
    }
}
