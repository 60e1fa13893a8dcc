// SPDX-License-Identifier: Apache-2.0

internal import ComputeModel
internal import WorkerStore

/// Commits of a request that changes nothing of an instance's row.
extension OperationRun {
    /// Writes the step alone.
    func note(_ step: Operation.Step) async throws {
        let plan = CommitPlan(
            entry: entry.id, journal: .checkpoint(try Operation.encode(step)), change: nil, messages: [])
        try await services.write { try plan.apply(to: $0) }
    }

    /// The last commit: the journal row is finished and the reply is in the outbox.
    ///
    /// - Parameter note: what the record of done work says beside it.
    func answer(
        _ output: Operation.Output, casting casts: [OutgoingCast] = [], note: String? = nil
    ) async throws -> Finished<Operation.Output> {
        turn.freeSlot()
        let replies = services.encoder.replies(Operation.json(output), to: entry.reply, instance: entry.instance)
        let key = entry.instance?.description ?? "entry:\(entry.id)"
        let messages = casts.map { services.encoder.row(of: $0, orderingKey: key, instance: entry.instance) }
        let plan = CommitPlan(
            entry: entry.id, journal: .finish(.succeeded, error: note), change: nil, messages: replies + messages)
        try await services.write { try plan.apply(to: $0) }
        return Finished(output: output)
    }
}
