// SPDX-License-Identifier: Apache-2.0

internal import ComputeDriver
internal import ComputeModel
internal import FoundationEssentials
internal import Logging
internal import Synchronization
internal import WorkerStore

/// One attempt at one journaled request: what an operation is given to do its work with.
///
/// Every commit writes the row, the step and the events at once; between commits the operation calls the driver.
final class OperationRun<Operation: InstanceOperation>: Sendable {
    /// What a request for an instance without a row does.
    enum MissingRow: Sendable {
        /// Takes over a guest that the driver knows (hosts that ran nova-compute); fails where it knows none.
        case adopt
        /// Takes the request's word for it.
        case believe
        /// Takes the request's word for it, also where there is a row: what was here before is over.
        case renew
    }

    private struct State {
        var row: StoredInstance?
        var isUndone = false
        var leavesNoRow = false
    }

    let entry: JournalEntry
    let request: RPCRequest
    let services: ManagerServices
    let turn: Turn
    /// What was begun is neither done nor failed while the hypervisor can't be asked: a resumed request waits for it,
    /// and so does a delete.
    let driver: DriverGateway
    private let state: Mutex<State>

    init(
        entry: JournalEntry, request: RPCRequest, row: StoredInstance?, services: ManagerServices,
        turn: Turn
    ) {
        self.entry = entry
        self.request = request
        self.services = services
        self.turn = turn
        let patience: InterruptionReason? =
            switch (entry.step, Operation.slot) {
            case _ where Operation.outlastsOutages: .superseded
            case (nil, _): nil
            // A build that is cancelled has a guest to remove, and waits to be able to.
            case (_, .build): .superseded
            case (_, _): .cancelled
            }
        driver = services.driver.during(turn, outlastingOutagesUntil: patience)
        state = Mutex(State(row: row))
    }

    var token: InterruptionToken { turn.token }

    /// Made anew each time, because most runs tell nothing.
    var logger: Logger { services.logger.about(request.context, entry.instance) }

    /// The row as of the last commit; nil before the first where none was there.
    var row: StoredInstance? { state.withLock { $0.row } }

    /// Says that everything that was made outside is gone again; a failure then strikes it from the books.
    func markUndone() { state.withLock { $0.isUndone = true } }

    /// Says whether a failure leaves no row where there was none: it is not known whether a guest is there.
    func leaveNoRow(_ value: Bool) { state.withLock { $0.leavesNoRow = value } }

    var leavesNoRow: Bool { state.withLock { $0.leavesNoRow } }

    var isUndone: Bool { state.withLock { $0.isUndone } }

    /// Fails when the work is to end, for that reason or one that stands over it.
    func checkInterruption(by least: InterruptionReason = .cancelled) throws(ComputeFault) {
        guard let reason = token.reason, reason >= least else { return }
        throw reason.fault(entry.method, instance: entry.instance)
    }

    /// The guest as it is for this attempt: one that takes up what was begun sees it once no start or stop of it is
    /// under way, so that what has begun is not done twice.
    func guest(_ id: InstanceID, resumed: Bool = true) async throws -> InstanceInfo? {
        guard resumed else { return try await driver.info(id) }
        // A question that fails says nothing of a guest that may run.
        for _ in 1..<max(2, services.configuration.maximumAttempts) {
            do {
                return try await driver.settledInfo(id) { self.token.isInterrupted }
            } catch let fault as ComputeFault where fault.kind == .hypervisorFailure {
                try checkInterruption()
                try await services.clock.sleep(for: .seconds(1))
            }
        }
        return try await driver.settledInfo(id) { self.token.isInterrupted }
    }

    /// Does again from its beginning what a hypervisor that went away cut off; not for ever, since it may be this work
    /// that ends the hypervisor.
    func outlastingOutages(_ body: () async throws -> Void) async throws {
        for _ in 1..<max(2, services.configuration.maximumAttempts) {
            do {
                return try await body()
            } catch let fault as ComputeFault where fault.kind == .unavailable {
                try checkInterruption()
                try await services.clock.sleep(for: .seconds(1))
            }
        }
        try await body()
    }

    /// The first commit: refreshes the row with what the request brings, writes the task that nova's API would have
    /// written, then what `body` asks for.
    ///
    /// - Parameter tasks: the tasks in which the operation may begin; nil for any.
    @discardableResult
    func begin(
        _ arriving: Instance, _ step: Operation.Step, accept rule: AcceptanceRule, missing: MissingRow = .adopt,
        expecting tasks: [TaskState?]? = nil, _ body: (inout InstanceChange) throws(ComputeFault) -> Void
    ) async throws -> StoredInstance {
        let known = try await known(arriving, missing)
        let checkpoint = CommitPlan.Journal.checkpoint(try Operation.encode(step))
        return try await commit(known, checkpoint, replies: []) { change throws(ComputeFault) in
            change.amend { row in
                switch rule {
                case .always(let task): row.instance.taskState = task
                case .ifIdle(let task) where row.instance.taskState == nil: row.instance.taskState = task
                case .ifIdle, .none: break
                }
            }
            if let tasks { try change.expect(tasks) }
            // A guest that is taken over is here already, whatever the limits.
            if row == nil, case .adopt = missing {
                change.claim(.instance, ClaimAmounts(of: change.instance), limits: .none)
            }
            try body(&change)
        }
    }

    /// A later commit.
    @discardableResult
    func commit(
        _ step: Operation.Step, _ body: (inout InstanceChange) throws(ComputeFault) -> Void
    ) async throws -> StoredInstance {
        try await commit(try current(), .checkpoint(try Operation.encode(step)), replies: [], body)
    }

    /// The last commit: with it the journal row is finished and the reply is in the outbox.
    ///
    /// - Parameter host: where the instance has gone for good; a delete that comes here all the same is sent after it.
    func finish(
        _ output: Operation.Output, error: String? = nil, departure host: String? = nil,
        _ body: (inout InstanceChange) throws(ComputeFault) -> Void
    ) async throws -> Finished<Operation.Output> {
        turn.freeSlot()
        let replies = services.encoder.replies(Operation.json(output), to: entry.reply, instance: entry.instance)
        let words = error ?? host.map { Departure.words($0) }
        let row = try await commit(
            try current(), .finish(error == nil ? .succeeded : .failed, error: words), replies: replies, body)
        if let host { services.departed.note(row.id, host) }
        return Finished(output: output)
    }

    private func current() throws(ComputeFault) -> StoredInstance {
        guard let row else {
            throw ComputeFault(
                .internalError, "\(Operation.name) went on without having begun.", instance: entry.instance)
        }
        return row
    }

    private func known(_ arriving: Instance, _ missing: MissingRow) async throws -> StoredInstance {
        let now = services.events.clock.now()
        if let row, missing != .renew {
            return StoredInstance(
                instance: try arriving.completed(by: row.instance).refreshed(keepingStatesOf: row.instance)
                    .sized(as: row.instance),
                networkInfo: row.networkInfo, details: row.details, updatedAt: now)
        }
        switch missing {
        case .believe, .renew: return StoredInstance(instance: arriving, updatedAt: now)
        case .adopt:
            guard let info = try await driver.info(arriving.id) else {
                throw ComputeFault.instanceNotFound(arriving.id)
            }
            logger.notice(
                "adopted a guest that was here before the worker",
                metadata: [LogKey.instance: .string(arriving.id.description)])
            return StoredInstance(
                instance: arriving.adopted(by: services.configuration.host, powerState: info.powerState), updatedAt: now
            )
        }
    }

    @discardableResult
    private func commit(
        _ row: StoredInstance, _ journal: CommitPlan.Journal, replies: [OutboxMessage],
        _ body: (inout InstanceChange) throws(ComputeFault) -> Void
    ) async throws -> StoredInstance {
        var change = InstanceChange(row: row, context: request.context, events: services.events)
        try body(&change)
        let plan = CommitPlan(
            entry: entry.id, journal: journal, change: change,
            messages: services.encoder.messages(of: change) + replies,
            endOfBuild: services.encoder.endOfBuild(change))
        try await services.write { try plan.apply(to: $0) }
        state.withLock { $0.row = change.row }
        return change.row
    }

    /// The step that an earlier attempt came to.
    static func decode(_ bytes: [UInt8]) throws -> Operation.Step? {
        try JSONDecoder().decode([Operation.Step].self, from: Data(bytes)).first
    }
}

extension Instance {
    /// The same instance with the fields that a sparse request left out.
    func completed(by known: Instance) throws(ComputeFault) -> Instance {
        let missing = known.fields.members.filter { fields[$0.key] == nil }
        if missing.isEmpty { return self }
        var all = fields
        for member in missing { all[member.key] = member.value }
        return try Instance(fields: all)
    }

    /// The instance as it is when this worker takes over a guest that is there already.
    func adopted(by host: String, powerState: PowerState) -> Instance {
        var instance = self
        instance.host = host
        if instance.launchedOn == nil { instance.launchedOn = host }
        instance.powerState = powerState
        if instance.vmState == nil || instance.vmState == .building {
            instance.vmState = powerState == .running || powerState == .paused ? .active : .stopped
            instance.taskState = nil
        }
        return instance
    }
}
