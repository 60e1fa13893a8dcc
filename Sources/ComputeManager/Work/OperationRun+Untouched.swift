// SPDX-License-Identifier: Apache-2.0

internal import ComputeModel
internal import WorkerStore

extension OperationRun {
    /// The last commit of what has nothing to write into an instance's row, or finds none.
    func finishUntouched(_ output: Operation.Output) async throws -> Finished<Operation.Output> {
        turn.freeSlot()
        let plan = CommitPlan(
            entry: entry.id, journal: .finish(.succeeded, error: nil), change: nil,
            messages: services.encoder.replies(
                Operation.json(output), to: entry.reply, instance: entry.instance))
        try await services.write { try plan.apply(to: $0) }
        return Finished(output: output)
    }
}
