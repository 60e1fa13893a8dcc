// SPDX-License-Identifier: Apache-2.0

internal import ComputeDriver
internal import ComputeModel
internal import WorkerStore

/// Starts the guest of an instance that ran before its host, or its guest, went down while no worker was there; a
/// request of the worker's own. Nova: `resume_state_on_host_boot`, called by `init_host`.
///
/// As with nova it has no task and no events: the row said all the time that the instance runs. What a failure leaves
/// is told by the look at the guest that comes behind it.
enum ResumeStateOnHostBoot: InstanceOperation {
    typealias Arguments = InstanceArguments
    typealias Output = JSONValue

    enum Step: String, CaseIterable, Codable, Sendable, Hashable {
        /// The driver was asked, or is about to be.
        case asking
    }

    static let name = OperationName(rawValue: "resume_state_on_host_boot")
    static let summary = "starts a guest that ran before its host went down"
    static let needs: [DriverOperation] = [.resumeStateOnHostBoot]
    static let events: [String] = []
    static let errorEvents: [String] = []

    static func instance(of arguments: InstanceArguments) -> Instance { arguments.instance }
    static func acceptance(of arguments: InstanceArguments) -> AcceptanceRule { .none }
    static func json(_ output: JSONValue) -> JSONValue { output }
    static func recovery(at step: Step) -> RecoveryRule { .redoUnlessDone }

    static func perform(
        _ arguments: InstanceArguments, from step: Step?, in run: OperationRun<ResumeStateOnHostBoot>
    ) async throws -> Finished<JSONValue> {
        let id = arguments.instance.id
        guard let known = run.row else { throw ComputeFault.instanceNotFound(id) }
        var isDone = false
        if step == nil {
            // As the row has it: what came before in the lane may have changed it since the guests were read.
            try await run.begin(known.instance, .asking, accept: .none, expecting: [nil]) { _ in }
        } else {
            isDone = try await run.guest(id)?.powerState == .running
        }
        if !isDone {
            try run.checkInterruption()
            try await run.driver.resumeOnHostBoot(known.guest, interruptedBy: run.token)
        }
        // A call that was cut short for a delete says what became of it, not why.
        try run.checkInterruption(by: .superseded)
        let power = try await run.driver.powerState(id)
        return try await run.finish(.null) { change throws(ComputeFault) in
            if power != change.instance.powerState { change.update(elevated: true) { $0.powerState = power } }
        }
    }

    /// It has written nothing that were to be taken back.
    static func failed(_ fault: ComputeFault, _ change: inout InstanceChange) {}
}
