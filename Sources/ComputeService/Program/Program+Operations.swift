// SPDX-License-Identifier: Apache-2.0

internal import ComputeManager
internal import ComputeModel
internal import WorkerStore

extension Program {
    /// Whether the worker of this host is ready, and how much it has to do.
    ///
    /// - Throws: ``ProgramFailure`` of kind `unavailable` where no worker answers.
    public static func status(_ configuration: LoadedConfiguration) async throws -> (output: ToolOutput, isReady: Bool) {
        let answer: ControlAnswer
        do { answer = try await ask(.status, configuration) } catch { throw ProgramFailure(error) }
        guard case .status(let status) = answer else { throw unexpected }
        return (ToolOutput(status, now: SystemWallClock().now()), status.isReady)
    }

    /// Gives an operation up: asks the worker that runs, else writes the wish into the journal.
    public static func cancel(_ number: Int, _ configuration: LoadedConfiguration) async throws -> ToolOutput {
        let id = JournalID(Int64(number))
        var isRunning = true
        let outcome: CancelOutcome
        do {
            guard case .cancelled(let told) = try await ask(.cancel(id), configuration) else { throw unexpected }
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
                ? "operation \(id) was begun and undoes itself; see ops show \(id)"
                : "no worker runs; its next start ends operation \(id)"
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
            throw ProgramFailure(.unavailable, "the worker that runs does not listen at its control socket; see its log")
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
        _ request: ControlRequest, _ configuration: LoadedConfiguration
    ) async throws(ControlFault) -> ControlAnswer {
        let path = ControlSocket.path(inStateDirectory: configuration.worker.store.statePath)
        let answer = try await ControlClient.ask(request, at: path)
        if case .refused(let fault) = answer { throw fault }
        return answer
    }
}
