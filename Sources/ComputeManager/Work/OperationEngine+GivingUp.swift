// SPDX-License-Identifier: Apache-2.0

internal import ComputeModel
internal import Logging
internal import WorkerStore

extension OperationEngine {
    /// Ends a request that did not end in many attempts: something in it stops the worker each time.
    func giveUp(_ entry: JournalEntry, _ attempts: Int, _ turn: Turn) async throws -> Ending {
        let request = try await read(entry)
        let fault = ComputeFault(
            .internalError, "\(entry.method) was given up after \(attempts - 1) attempts that did not end.",
            instance: entry.instance)
        // What was begun is taken back; where that too does not end, or nobody knows how, the request is ended without.
        if entry.step != nil, attempts <= 2 * services.configuration.maximumAttempts, let request,
            let binding = try? services.dialects.journaledBinding(request)
        {
            return try await binding.execute(request, entry, self, turn, givingUp: fault)
        }
        return try await refuse(entry, request, fault, outcome: .failed)
    }

    /// Ends a request whose record the disk has damaged, with its error event and its reply: by what its message says,
    /// and where that is damaged too, by what can be read.
    func endDamaged(_ entry: JournalEntry) async throws -> Ending {
        let request = try await read(entry)
        let told = request.map { entry.told(by: $0) } ?? entry
        let fault = ComputeFault(
            .storeFailure,
            "The disk has damaged the journal's record of \(told.method); what came of it is not known. Look at the "
                + "instance, and ask again.", instance: told.instance)
        return try await refuse(told, request, fault, outcome: .failed)
    }

    /// Why a request that was not begun is too old to be begun now; nil where it is not.
    func expiry(of entry: JournalEntry, _ request: RPCRequest) -> ComputeFault? {
        guard entry.step == nil,
            let limit = services.configuration.ageLimits[OperationName(rawValue: entry.operation)]
        else { return nil }
        let age = AgeLimits.age(
            sent: request.context.fields["timestamp"]?.string, received: entry.receivedAt,
            now: services.events.clock.now())
        guard age > limit else { return nil }
        let text = "waited \(age.components.seconds) s, and may wait \(limit.components.seconds) s on this host"
        return ComputeFault(
            .expired, "\(entry.method) \(text).", instance: entry.instance, arguments: ["reason": .string(text)])
    }

    /// Ends a request that was not begun, with its error event and its reply.
    func endUnbegun(
        _ entry: JournalEntry, _ request: RPCRequest?, _ turn: Turn, _ fault: ComputeFault, outcome: JournalOutcome
    ) async throws -> Ending {
        // A request that no dialect knows has no error event of its own.
        if let request, let binding = try? services.dialects.journaledBinding(request) {
            return try await binding.execute(request, entry, self, turn, givingUp: fault)
        }
        return try await refuse(entry, request, fault, outcome: outcome)
    }

    /// Takes back what a begun request made, then writes what a failure makes of the row; the binding has opened its
    /// type.
    func giveUp<Operation: InstanceOperation>(
        _ operation: Operation.Type, _ arguments: Operation.Arguments, _ request: RPCRequest, _ entry: JournalEntry,
        _ turn: Turn, _ fault: ComputeFault
    ) async throws -> Ending {
        let row = try await services.row(Operation.instance(of: arguments).id)
        let run = OperationRun<Operation>(entry: entry, request: request, row: row, services: services, turn: turn)
        guard entry.step != nil else {
            // What is here already is not this request's to change; what is not gets the row that says so.
            if row == nil { return try await fail(run, arguments, fault) }
            return try await refuse(entry, request, fault, outcome: Self.outcome(of: fault))
        }
        do {
            try await Operation.undo(arguments, in: run)
        } catch let undo as ComputeFault {
            services.logger.error(
                "what was given up can't be undone; a terminate will try again",
                metadata: [
                    LogKey.instance: .string(entry.instance?.description ?? "-"), LogKey.error: .string(undo.message),
                ])
        }
        return try await fail(run, arguments, fault)
    }
}

extension JournalEntry {
    /// The same row, as its message has it.
    fileprivate func told(by request: RPCRequest) -> JournalEntry {
        let arguments = request.arguments
        let uuid = arguments["instance"]?["uuid"] ?? arguments["instance_uuid"]
        return JournalEntry(
            id: id, form: request.form, method: request.method, version: request.version, operation: operation,
            instance: uuid?.string.flatMap { InstanceID($0) } ?? instance, requestID: request.context.requestID,
            reply: request.reply, receivedAt: receivedAt, attempts: attempts, lastError: lastError)
    }
}
