// SPDX-License-Identifier: Apache-2.0

internal import ComputeModel
internal import Logging
internal import WorkerStore

/// What becomes of a build that was handed back to the scheduler: gone from here, or, where nobody took it, an ERROR.
struct BuildFate: CastObserver {
    let services: ManagerServices

    func castWasTaken(_ message: OutboxMessage, in transaction: borrowing StoreTransaction) throws {
        guard let id = message.instance, let row = try transaction.instance(id), row.isHandedBack else { return }
        try transaction.remove(id)
    }

    func castWasReturned(
        _ message: OutboxMessage, reason: String, in transaction: borrowing StoreTransaction
    ) throws {
        guard let id = message.instance, let row = try transaction.instance(id), row.isHandedBack else { return }
        let context =
            row.details[Build.contextKey]?.object.map { RequestContext(fields: $0) }
            ?? .admin(requestID: "req-\(services.identifiers.next().dashed)")
        let cause = row.details[Build.causeKey].flatMap { KeptFault($0) }?.fault(of: id)
        let end = "The build failed here, and no scheduler took it back (\(reason))."
        let fault = ComputeFault(
            cause?.kind ?? .computeResourcesUnavailable, cause.map { "\($0.message.sentence) \(end)" } ?? end,
            instance: id, arguments: cause?.arguments ?? ["reason": "no scheduler took the build back"])
        var change = InstanceChange(row: row, context: context, events: services.events)
        change.amend {
            $0.details[Build.contextKey] = nil
            $0.details[Build.causeKey] = nil
        }
        RunInstance.failed(fault, &change)
        change.notifyFailure(
            RunInstance.name.rawValue, fault, arguments: ["instance": change.instance.json])
        try transaction.save(change.row)
        for event in services.encoder.messages(of: change) { try transaction.enqueue(event) }
        services.logger.error(
            "no scheduler took a failed build back",
            metadata: [LogKey.instance: .string(id.description), LogKey.error: .string(reason)])
    }
}

extension String {
    /// With the stop that another sentence needs before it.
    fileprivate var sentence: String { hasSuffix(".") ? self : self + "." }
}

extension StoredInstance {
    /// Whether the build went back to the scheduler and nothing is here of it any more; a build that came back here is
    /// a new one and none of that cast's.
    var isHandedBack: Bool { instance.host == nil && details[Build.contextKey] != nil }
}
