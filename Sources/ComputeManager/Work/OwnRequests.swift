// SPDX-License-Identifier: Apache-2.0

internal import ComputeModel
internal import WorkerStore

/// Requests that the worker makes of itself: journaled and given a turn like one that arrived, so that each has the
/// lane, the events and the recovery rule of its operation.
struct OwnRequests: Sendable {
    let services: ManagerServices
    let work: any AcceptedWork

    enum Outcome: Sendable, Hashable {
        case submitted(JournalID)
        /// The one before it is not finished yet.
        case underWay(JournalID)
        /// Something else is under way for the instance, which goes first; nothing was journaled.
        case hindered
    }

    /// Journals a request for an instance and hands it over; returns after the commit.
    ///
    /// A request of the same method for the same instance is made once at a time, also across a restart.
    ///
    /// - Parameters:
    ///   - instance: as nova's API would send it, its task included where the operation expects one.
    ///   - context: nil for an administrator's of its own.
    ///   - condition: what must still hold in its turn; nil for a request that is done in any case.
    /// - Throws: ``ComputeFault`` of kind `noSuchMethod` where the dialect has no such operation.
    @discardableResult
    func submit(
        _ method: String, _ instance: Instance, arguments: JSONObject = JSONObject(), context: RequestContext? = nil,
        onlyWhile condition: OwnCondition? = nil
    ) async throws -> Outcome {
        let binding = try services.dialects.ownBinding(method)
        let version = binding.since.description
        let context = context ?? .admin(requestID: "req-\(services.identifiers.next().dashed)")
        let summary = MessageSummary(
            form: .flat, method: method, version: version,
            uniqueID: "own:\(condition?.rawValue ?? method):\(instance.id)", instance: instance.id,
            requestID: context.requestID)
        var all = arguments
        all["instance"] = instance.json
        var body: JSONObject = ["method": .string(method), "version": .string(version), "args": .object(all)]
        for member in context.fields.members { body["_context_\(member.key)"] = member.value }
        let entry = NewJournalEntry(
            summary: summary, operation: binding.operation.name.rawValue, body: JSONWriter.bytes(.object(body)),
            isRedelivered: false, receivedAt: services.events.clock.now())
        let yields = condition?.yieldsToOthers == true
        let acceptance = try await services.write { transaction in
            // In the commit that takes it in: no request that was there before it is passed over.
            if yields, try transaction.hasUnfinished(of: instance.id) { return Acceptance?.none }
            return try transaction.accept(entry, isRenewed: true)
        }
        switch acceptance {
        case nil: return .hindered
        case .accepted(let id):
            work.enqueue([entry.entry(id)])
            return .submitted(id)
        case .duplicate(let id, _): return .underWay(id)
        }
    }
}
