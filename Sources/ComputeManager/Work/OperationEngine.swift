// SPDX-License-Identifier: Apache-2.0

internal import ComputeModel
internal import Logging
internal import WorkerStore

/// Does journaled requests, one attempt each: decodes, runs the operation, writes what a failure makes of it.
struct OperationEngine: Sendable {
    let services: ManagerServices

    /// How an attempt ended, for the lane.
    enum Ending: Sendable, Hashable {
        /// The journal row is finished.
        case finished(JournalOutcome)
        /// The worker stops; the row stays and the next start takes it up.
        case left
    }

    /// Works on a journal row until it is finished, or until the worker stops.
    func execute(_ entry: JournalEntry, isResumed: Bool, _ turn: Turn) async -> Ending {
        var isCounted = false
        let ending = await leaving(entry, turn) { entry, isAgain in
            if isResumed || isAgain {
                let attempts = try await countAttempt(entry, turn)
                isCounted = true
                if let ending = try await giveUp(entry, after: attempts, turn) { return ending }
            }
            if entry.isDamaged { return try await endDamaged(entry) }
            guard let request = try await decode(entry) else { return .finished(.refused) }
            if let fault = expiry(of: entry, request) {
                return try await endUnbegun(entry, request, turn, fault, outcome: .expired)
            }
            return try await perform(request, entry, turn)
        }
        // A stop in good order is no sign that the work itself ends the worker; one attempt too many does no harm.
        if ending == .left, isCounted { try? await services.store.write { try $0.forgetAttempt(entry.id) } }
        return ending
    }

    /// Counts one more attempt; how many there were.
    private func countAttempt(_ entry: JournalEntry, _ turn: Turn) async throws -> Int {
        if entry.step != nil, let instance = entry.instance {
            // While the hypervisor is away nothing is attempted. What else this look comes to, the work finds itself.
            let driver = services.driver.during(turn, outlastingOutagesUntil: .cancelled)
            do { _ = try await driver.info(instance) } catch is ComputeFault {}
        }
        return try await services.write { try $0.countAttempt(entry.id) }
    }

    /// Ends a request that had too many attempts.
    private func giveUp(_ entry: JournalEntry, after attempts: Int, _ turn: Turn) async throws -> Ending? {
        let operation = OperationTable.operation(OperationName(rawValue: entry.operation))
        // A delete that was given up would be asked for by nobody again.
        let isDelete = (operation as? any InstanceOperation.Type)?.supersedesEarlier == true
        guard attempts > services.configuration.maximumAttempts, !isDelete else { return nil }
        return try await giveUp(entry, attempts, turn)
    }

    /// Ends a request whose place a later one took before it began, or that waits behind others and was cancelled.
    ///
    /// The row of the instance is not touched: it is another's to change, now or soon.
    func end(_ entry: JournalEntry, _ reason: InterruptionReason, _ turn: Turn?) async -> Ending {
        await leaving(entry, turn) { entry, _ in
            let fault = reason.fault(entry.method, instance: entry.instance)
            return try await refuse(
                entry, try await read(entry), fault, outcome: reason == .superseded ? .superseded : .cancelled)
        }
    }

    /// Ends a request that was cancelled before it began, in its turn; a build of what nobody knows yet leaves an
    /// instance in ERROR.
    func cancel(_ entry: JournalEntry, _ turn: Turn) async -> Ending {
        await leaving(entry, turn) { entry, _ in
            let fault = InterruptionReason.cancelled.fault(entry.method, instance: entry.instance)
            return try await endUnbegun(entry, try await read(entry), turn, fault, outcome: .cancelled)
        }
    }

    /// Leaves the row to the next start where the worker stops. Where something else fails that no operation foresees,
    /// it is tried again from the journal: the lane of the instance is not to stay shut for that.
    private func leaving(
        _ entry: JournalEntry, _ turn: Turn?,
        _ body: (_ entry: JournalEntry, _ isAgain: Bool) async throws -> Ending
    ) async -> Ending {
        var entry = entry
        var pause = Duration.seconds(1)
        var isAgain = false
        while true {
            do {
                return try await body(entry, isAgain)
            } catch {
                let isClosed = (error as? StoreError)?.code == .closed
                guard let turn, !isClosed, !Task.isCancelled, !turn.isStopping() else {
                    report(error, entry, isLeft: true)
                    return .left
                }
                report(error, entry, isLeft: false)
                turn.freeSlot()
                await turn.hindered("\(error)")
                do { try await services.clock.sleep(for: pause) } catch { return .left }
                pause = min(pause * 2, .seconds(30))
                guard await turn.takeSlot() else { return .left }
                isAgain = true
            }
            do {
                let id = entry.id
                let (known, finished) = try await services.store.read {
                    (try $0.entry(id), try $0.finishedEntry(id)?.outcome)
                }
                if let known {
                    entry = known
                } else {
                    // Not there and not finished: set aside as damaged. Its caller hears of it all the same.
                    if finished == nil { try await answer(entry) }
                    return .finished(finished ?? .failed)
                }
            } catch {
                report(error, entry, isLeft: false)
            }
        }
    }

    private func answer(_ entry: JournalEntry) async throws {
        let fault = ComputeFault(
            .storeFailure, "The journal lost \(entry.method); what came of it is not known.", instance: entry.instance)
        let messages = services.encoder.failures(fault, to: entry.reply, instance: entry.instance)
        try await services.store.write { for message in messages { try $0.enqueue(message) } }
    }

    private func perform(
        _ request: RPCRequest, _ entry: JournalEntry, _ turn: Turn
    ) async throws -> Ending {
        let binding: any JournaledBinding
        do {
            binding = try services.dialects.journaledBinding(request)
        } catch {
            return try await refuse(entry, request, error, outcome: .refused)
        }
        var result: Result<Ending, any Error>?
        let elapsed = await services.clock.measure {
            do {
                result = .success(try await binding.execute(request, entry, self, turn, givingUp: nil))
            } catch {
                result = .failure(error)
            }
        }
        guard let ending = try result?.get() else { throw CancellationError() }
        tell(of: ending, entry, request, elapsed)
        return ending
    }

    func tellResumption(of entry: JournalEntry, at step: [UInt8]) {
        services.logger.info(
            "operation taken up again",
            metadata: [
                LogKey.method: .string(entry.method), LogKey.step: .string(String(decoding: step, as: UTF8.self)),
                LogKey.instance: .string(entry.instance?.description ?? "-"),
            ])
    }

    /// The one line that every operation leaves in the log.
    private func tell(of ending: Ending, _ entry: JournalEntry, _ request: RPCRequest, _ elapsed: Duration) {
        guard case .finished(let outcome) = ending else { return }
        let milliseconds = elapsed / .milliseconds(1)
        services.logger.info(
            "operation ended",
            metadata: [
                LogKey.method: .string(entry.method), LogKey.outcome: .string(outcome.rawValue),
                LogKey.seconds: .stringConvertible(milliseconds.rounded() / 1000),
                LogKey.instance: .string(entry.instance?.description ?? "-"),
                LogKey.request: .string(request.context.requestID ?? "-"),
                LogKey.user: .string(request.context.userID ?? "-"),
                LogKey.project: .string(request.context.projectID ?? "-"),
            ])
    }

    /// Runs one operation; the binding has opened its type.
    func run<Operation: InstanceOperation>(
        _ operation: Operation.Type, _ arguments: Operation.Arguments, _ request: RPCRequest, _ entry: JournalEntry,
        _ turn: Turn
    ) async throws -> Ending {
        let id = Operation.instance(of: arguments).id
        if !Operation.supersedesEarlier, services.store.isQuarantined(id) {
            let fault = ComputeFault(
                .storeFailure, "The record of instance \(id) is damaged and was set aside; it can only be deleted.",
                instance: id, isRetriable: false)
            return try await refuse(entry, request, fault, outcome: .refused)
        }
        var row = try await services.row(id)
        // Gone to the scheduler, whatever its row still says until the cast is taken.
        if row?.isHandedBack == true, !Operation.seesHandedBack { row = nil }
        if let host = row?.instance.host, row?.isElsewhere(than: services.configuration.host) == true,
            !Operation.seesMovedAway
        {
            // Not adopted either: what is left of its guest waits for a revert, and must not run beside the guest.
            let fault = ComputeFault(
                .instanceNotFound, "Instance \(id) is on host \(host), or on its way from there.", instance: id,
                arguments: ["instance_id": .string(id.description), "code": 404])
            return try await refuse(entry, request, fault, outcome: .failed)
        }
        if let ending = try await endNeedless(entry, row) { return ending }
        let run = OperationRun<Operation>(
            entry: entry, request: request, row: row, services: services, turn: turn)
        do {
            if !Operation.ignoresAbsence { try services.driver.require(Operation.needs, instance: id) }
            let step = try entry.step.flatMap { try OperationRun<Operation>.decode($0) }
            if let bytes = entry.step { tellResumption(of: entry, at: bytes) }
            _ = try await Operation.perform(arguments, from: step, in: run)
            return .finished(.succeeded)
        } catch let error as CancellationError {
            throw error
        } catch let error as StoreError {
            throw error
        } catch {
            let fault = error as? ComputeFault ?? Self.unforeseen(error, id)
            return try await fail(run, arguments, fault)
        }
    }

    /// Writes what a failure makes of the row, tells of it, answers the caller, finishes: one commit.
    func fail<Operation: InstanceOperation>(
        _ run: OperationRun<Operation>, _ arguments: Operation.Arguments, _ fault: ComputeFault
    ) async throws -> Ending {
        let isNews = services.toldLacks.isNews(fault, of: Operation.self)
        services.logger.about(run.request.context, Operation.instance(of: arguments).id).log(
            level: isNews ? .warning : .debug, "operation failed",
            metadata: [
                LogKey.method: .string(run.request.method), LogKey.fault: .string(fault.kind.rawValue),
                LogKey.error: .string(fault.message),
            ])
        let row = run.row ?? (run.leavesNoRow ? nil : Operation.rowOfFailure(arguments, fault, services))
        var change = InstanceChange(
            row: row
                ?? StoredInstance(instance: Operation.instance(of: arguments), updatedAt: services.events.clock.now()),
            context: run.request.context, events: services.events)
        if row != nil { Operation.failed(fault, &change) }
        if run.isUndone { change.clean() }
        for name in Operation.errorEvents where isNews { change.notifyFailure(name, fault, arguments: run.request.arguments) }
        let outcome = Self.outcome(of: fault)
        let messages =
            services.encoder.messages(of: change)
            + services.encoder.failures(fault, to: run.entry.reply, instance: run.entry.instance)
        let plan = CommitPlan(
            entry: run.entry.id, journal: .finish(outcome, error: fault.message), change: row == nil ? nil : change,
            messages: messages)
        run.turn.freeSlot()
        try await services.write { try plan.apply(to: $0) }
        services.toldLacks.note(fault, of: Operation.self)
        return .finished(outcome)
    }

    /// Ends a request without touching the row of its instance, with its error event and its reply.
    ///
    /// - Parameter isNews: whether anybody but the caller is told.
    func refuse(
        _ entry: JournalEntry, _ request: RPCRequest?, _ fault: ComputeFault, outcome: JournalOutcome,
        isNews: Bool = true
    ) async throws -> Ending {
        services.logger.about(request?.context, entry.instance ?? fault.instance, requestID: entry.requestID).log(
            level: isNews ? .notice : .debug, "request refused",
            metadata: [
                LogKey.method: .string(entry.method), LogKey.fault: .string(fault.kind.rawValue),
                LogKey.error: .string(fault.message),
            ])
        let context =
            request?.context ?? .admin(requestID: entry.requestID ?? "req-\(services.identifiers.next().dashed)")
        let event = services.events.errorEvent(
            entry.method, fault, arguments: request?.arguments ?? JSONObject(), context: context)
        let key = entry.instance?.description ?? "entry:\(entry.id)"
        let messages =
            (isNews ? services.encoder.rows(of: event, orderingKey: key, instance: entry.instance) : [])
            + services.encoder.failures(fault, to: entry.reply, instance: entry.instance)
        let plan = CommitPlan(
            entry: entry.id, journal: .finish(outcome, error: fault.message), change: nil, messages: messages)
        try await services.write { try plan.apply(to: $0) }
        return .finished(outcome)
    }

    static func outcome(of fault: ComputeFault) -> JournalOutcome {
        switch fault.kind {
        case .superseded: .superseded
        case .cancelled: .cancelled
        case .expired: .expired
        case .unsupportedOperation, .badArguments: .refused
        default: .failed
        }
    }

    /// The request; nil where it can't be read.
    func read(_ entry: JournalEntry) async throws -> RPCRequest? {
        let stored: [UInt8]?
        if let body = entry.body {
            stored = body
        } else {
            stored = try await services.read { try $0.body(of: entry.id) }
        }
        return stored.flatMap { try? services.decoder.decode($0) }
    }

    /// The request; nil after it was finished as one that can't be read.
    private func decode(_ entry: JournalEntry) async throws -> RPCRequest? {
        if let request = try await read(entry) { return request }
        let fault = ComputeFault(
            .badArguments, "The message of \(entry.method) can't be decoded.", instance: entry.instance)
        _ = try await refuse(entry, nil, fault, outcome: .refused)
        return nil
    }

    private static func unforeseen(_ error: any Error, _ instance: InstanceID) -> ComputeFault {
        ComputeFault(.internalError, "An error of an unknown kind: \(type(of: error)).", instance: instance)
    }

    private func report(_ error: any Error, _ entry: JournalEntry, isLeft: Bool) {
        if error is CancellationError, isLeft { return }
        services.logger.error(
            isLeft ? "work is left for the next start" : "work failed in a way that is not foreseen; trying again",
            metadata: [LogKey.entry: .string(entry.id.description), LogKey.error: .string("\(error)")])
    }
}
