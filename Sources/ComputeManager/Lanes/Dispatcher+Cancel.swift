// SPDX-License-Identifier: Apache-2.0

internal import ComputeModel
internal import Synchronization
public import WorkerStore

extension Dispatcher {
    /// Gives a request up at the operator's wish: what waits is ended at once, what was begun undoes itself.
    func cancel(_ id: JournalID) async throws -> CancelOutcome {
        let (entry, finished) = try await services.read { (try $0.entry(id), try $0.finishedEntry(id)) }
        guard let entry else { return finished.map(CancelOutcome.tooLate) ?? .unknown }
        let key = LaneTable.Key(entry)
        let now = services.events.clock.now()
        switch state.withLock({ $0.table.withdraw(id, from: key, at: now) }) {
        case .turn(let start):
            let ending = await engine.cancel(entry, turn(of: start))
            finish(start, entry, ending)
            return try ended(ending)
        case .removed(let entry):
            let ending = await engine.end(entry, .cancelled, nil)
            note(entry, ending)
            return try ended(ending)
        case .irrevocable: return .irrevocable
        case .begun, .absent: break
        }
        // Written down first: a crash in between goes on with nothing that was promised to end.
        let outcome = try await services.write { try CancelOutcome.wish(id, in: $0) }
        guard outcome == .interrupting else { return outcome }
        state.withLock { state in
            if state.table.cancel(id, in: key) { return }
            // Journaled and on its way to its lane, or finished just now.
            state.cancelledEarly.append((id, key))
            if state.cancelledEarly.count > 64 { state.cancelledEarly.removeFirst() }
        }
        return .interrupting
    }

    /// Has a soft reboot that goes on in an instance's lane give up, so that a hard one gets its turn.
    func overtakeReboot(of id: InstanceID) {
        let token = state.withLock { $0.table.token(of: RebootInstance.name, runningIn: .instance(id)) }
        token?.interrupt(.overtaken)
    }

    private func ended(_ ending: OperationEngine.Ending) throws -> CancelOutcome {
        guard case .finished = ending else {
            throw StoreError(.closed, "the worker stops; the request is taken up again by the next start")
        }
        return .ended
    }
}

extension CancelOutcome {
    static let irrevocable = CancelOutcome.notCancellable(
        "what it removes is partly gone already, or is being undone for it; it can only be done to the end")

    static func tooLate(_ entry: FinishedEntry) -> CancelOutcome {
        .notCancellable("it has ended already (\(entry.outcome.rawValue))")
    }

    /// Writes down that a request is to be given up by whoever works on it, or takes it up next.
    ///
    /// For a journal without a running worker this is all; a running one is asked by ``ComputeManager/cancel(_:)``.
    public static func wish(_ id: JournalID, in transaction: borrowing StoreTransaction) throws -> CancelOutcome {
        guard let entry = try transaction.entry(id) else {
            return try transaction.finishedEntry(id).map(tooLate) ?? .unknown
        }
        let operation = OperationTable.operation(OperationName(rawValue: entry.operation))
        if entry.step != nil, (operation as? any InstanceOperation.Type)?.supersedesEarlier == true {
            return irrevocable
        }
        try transaction.wishCancelled(id)
        return .interrupting
    }
}
