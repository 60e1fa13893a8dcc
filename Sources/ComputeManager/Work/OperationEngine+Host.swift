// SPDX-License-Identifier: Apache-2.0

internal import ComputeDriver
internal import ComputeModel
internal import WorkerStore

extension OperationEngine {
    /// Runs one of the host's operations; the binding has opened its type.
    func run<Operation: HostOperation>(
        host operation: Operation.Type, _ arguments: Operation.Arguments, _ request: RPCRequest, _ entry: JournalEntry,
        _ turn: Turn
    ) async throws -> Ending {
        // What was begun is neither done nor failed while the hypervisor can't be asked.
        let patience: InterruptionReason? = entry.step == nil ? nil : .cancelled
        let run = HostRun(
            services: services, driver: services.driver.during(turn, outlastingOutagesUntil: patience),
            token: turn.token)
        do {
            try services.driver.require(Operation.needs, instance: nil)
            if let bytes = entry.step { tellResumption(of: entry, at: bytes) }
            let output: Operation.Output
            let bootID = services.configuration.bootID
            if let step = entry.step, !HostStep.isOf(bootID: bootID, step),
                let proven = Operation.provenByReboot(arguments)
            {
                output = proven
            } else {
                if let reason = turn.token.reason { throw reason.fault(entry.method, instance: nil) }
                let step = HostStep.encoded(bootID: bootID)
                try await services.write { try $0.checkpoint(entry.id, step: step) }
                output = try await Operation.perform(arguments, in: run)
            }
            turn.freeSlot()
            let replies = services.encoder.replies(Operation.json(output), to: entry.reply, instance: nil)
            let plan = CommitPlan(
                entry: entry.id, journal: .finish(.succeeded, error: nil), change: nil, messages: replies)
            try await services.write { try plan.apply(to: $0) }
            return .finished(.succeeded)
        } catch let error as CancellationError {
            throw error
        } catch let error as StoreError {
            throw error
        } catch {
            let fault =
                error as? ComputeFault
                ?? ComputeFault(.internalError, "An error of an unknown kind: \(type(of: error)).")
            turn.freeSlot()
            let isNews = services.toldLacks.isNews(fault, of: Operation.self)
            let ending = try await refuse(
                entry, request, fault, outcome: Self.outcome(of: fault), isNews: isNews)
            services.toldLacks.note(fault, of: Operation.self)
            return ending
        }
    }
}
