// SPDX-License-Identifier: Apache-2.0

internal import ComputeManager
internal import ComputeModel
internal import WorkerStore

extension Program {
    /// How long a worker may take to say how it is; one that stands still says nothing.
    private static let patience = Duration.seconds(5)

    /// Whether the worker of this host is ready, and how much it has to do; the failure that its state is, with the
    /// status to end with.
    ///
    /// - Throws: ``ProgramFailure`` of kind `unavailable` where no worker runs, `timeout` where it does not answer.
    public static func status(
        _ configuration: LoadedConfiguration
    ) async throws -> (output: ToolOutput, failure: ProgramFailure.Kind?) {
        let answer: ControlAnswer
        do { answer = try await ask(.status, within: patience, configuration) } catch { throw ProgramFailure(error) }
        guard case .status(let status) = answer else { throw unexpected }
        let failure: ProgramFailure.Kind? = status.isWorking ? nil : status.isReady ? .unavailable : .failed
        return (ToolOutput(status, now: SystemWallClock().now()), failure)
    }

    /// What the worker does by itself, and how that fares.
    public static func tasks(_ configuration: LoadedConfiguration) async throws -> ToolOutput {
        let answer: ControlAnswer
        do { answer = try await ask(.tasks, within: patience, configuration) } catch { throw ProgramFailure(error) }
        guard case .tasks(let tasks) = answer else { throw unexpected }
        return ToolOutput(tasks, now: SystemWallClock().now())
    }

    /// What is unfinished, and what ended last, with what the worker says of it where one runs.
    ///
    /// - Parameters:
    ///   - finished: how many of those that ended.
    ///   - instance: the uuid of the one instance of interest; nil for all.
    public static func operations(
        finished: Int, instance: String?, _ configuration: LoadedConfiguration
    ) async throws -> ToolOutput {
        let id = try instance.map { text in
            guard let id = InstanceID(text) else { throw ProgramFailure(.usage, "--instance: '\(text)' is no uuid") }
            return id
        }
        // Asked first: one that ends meanwhile is found finished in the journal, and not said to wait.
        let turns = try await turns(configuration)
        let lines = try looking(configuration) { journal throws(StoreError) in
            var unfinished: [JournalLine] = []
            while case let page = try journal.unfinished(after: unfinished.last?.id), !page.isEmpty {
                unfinished += page
            }
            return try finished > 0 ? journal.finished(limit: finished).reversed() + unfinished : unfinished
        }
        let rows = lines.filter { id == nil || $0.instance == id }.map { line in
            OperationRow(line: line, turn: turns.first { $0.id == line.id })
        }
        return ToolOutput(rows, now: SystemWallClock().now())
    }

    /// All of one operation; never its body.
    ///
    /// - Throws: ``ProgramFailure`` of kind `unknownOperation` where the journal does not have it.
    public static func operation(_ number: Int, _ configuration: LoadedConfiguration) async throws -> ToolOutput {
        let id = JournalID(Int64(number))
        let turn = try await turns(configuration, of: id).first
        let (line, calls, resources) = try looking(configuration) { journal throws(StoreError) in
            let line = try journal.line(id)
            return (
                line, try journal.peerCalls(of: id),
                try line?.instance.map { id throws(StoreError) in try journal.resources(of: id) } ?? []
            )
        }
        guard let line else { throw unknown(id) }
        return ToolOutput(
            OperationRow(line: line, turn: turn), calls: calls, resources: resources, now: SystemWallClock().now())
    }

    private static func looking<Value>(
        _ configuration: LoadedConfiguration, _ body: (JournalView) throws(StoreError) -> Value
    ) throws -> Value {
        do throws(StoreError) {
            return try body(JournalView.open(directory: configuration.worker.store.journalDirectory))
        } catch {
            throw ProgramFailure(error)
        }
    }

    /// What runs, or whether one operation does; nothing where no worker does.
    private static func turns(
        _ configuration: LoadedConfiguration, of id: JournalID? = nil
    ) async throws -> [RunningOperation] {
        do {
            switch try await ask(id.map { .operation($0) } ?? .operations, within: patience, configuration) {
            case .operations(let turns): return turns
            case .operation(let turn): return turn.map { [$0] } ?? []
            default: throw unexpected
            }
        } catch let fault as ControlFault {
            // One that does not answer is no reason to show nothing: the journal speaks for itself.
            if fault.code != .noWorker { tell("compute-worker: what runs is not known: \(fault)") }
            return []
        }
    }

    /// Gives an operation up: asks the worker that runs, else writes the wish into the journal.
    public static func cancel(_ number: Int, _ configuration: LoadedConfiguration) async throws -> ToolOutput {
        let id = JournalID(Int64(number))
        var isRunning = true
        let outcome: CancelOutcome
        do {
            // It waits for a commit, and where the operation had not begun for its end.
            let answer = try await ask(.cancel(id), within: .seconds(60), configuration)
            guard case .cancelled(let told) = answer else { throw unexpected }
            outcome = told
        } catch let fault as ControlFault {
            guard fault.code == .noWorker else { throw ProgramFailure(fault) }
            isRunning = false
            outcome = try await wish(id, configuration)
        }
        let text: String
        switch outcome {
        case .ended: text = "operation \(id) has ended"
        case .interrupting:
            text =
                isRunning
                ? "operation \(id) was begun and is asked to stop: it undoes itself if it still can, else it goes on to "
                    + "its end; ops show \(id) tells how it ended"
                : "no worker runs; its next start ends operation \(id), which undoes itself if it was begun and still can"
        case .notCancellable(let reason):
            throw ProgramFailure(.notCancellable, "operation \(id) can't be cancelled: \(reason)")
        case .unknown: throw unknown(id)
        }
        var json = outcome.json.object ?? JSONObject()
        json["id"] = JSONValue(number)
        json["worker"] = .bool(isRunning)
        return ToolOutput(text: text, json: JSONWriter.text(.object(json)))
    }

    /// Opens the store in the absent worker's place.
    private static func wish(_ id: JournalID, _ configuration: LoadedConfiguration) async throws -> CancelOutcome {
        // Opening the store to write would make one where there is none.
        guard try looking(configuration, { journal throws(StoreError) in try journal.line(id) }) != nil else {
            return .unknown
        }
        do {
            let store = try WorkerStore(StoreConfiguration(directory: configuration.worker.store.journalDirectory))
            do {
                let outcome = try await store.write { try CancelOutcome.wish(id, in: $0) }
                await store.close()
                return outcome
            } catch {
                await store.close()
                throw error
            }
        } catch let error as StoreError where error.code == .inUse {
            throw ProgramFailure(
                .unavailable, "the worker that runs does not listen at its control socket; see its log")
        } catch let error as StoreError {
            throw ProgramFailure(error)
        }
    }

    private static func unknown(_ id: JournalID) -> ProgramFailure {
        ProgramFailure(.unknownOperation, "the journal has no operation \(id); see ops list")
    }

    private static var unexpected: ProgramFailure {
        ProgramFailure(.failed, "the worker's answer is of another kind; is it of this version?")
    }

    private static func ask(
        _ request: ControlRequest, within limit: Duration, _ configuration: LoadedConfiguration
    ) async throws(ControlFault) -> ControlAnswer {
        let path = ControlSocket.path(inStateDirectory: configuration.worker.store.statePath)
        let answer = try await ControlClient.ask(request, at: path, within: limit)
        if case .refused(let fault) = answer { throw fault }
        return answer
    }
}
