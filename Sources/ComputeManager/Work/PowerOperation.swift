// SPDX-License-Identifier: Apache-2.0

internal import ComputeDriver
internal import ComputeModel
internal import WorkerStore

/// What tells one power operation from another.
struct PowerChange: Sendable {
    /// The event's name without `.start` and `.end`.
    let event: String
    let call: DriverOperation
    /// The vm state that it ends in.
    let finalState: VMState
    /// The task that nova's API writes before it casts.
    let task: TaskState
    /// The tasks in which the last write may find the instance.
    let expected: [TaskState?]
    /// The power state that shows that the driver call had its effect.
    let doneWhen: PowerState
}

/// Where a power operation stands.
enum PowerStep: String, Codable, Sendable, Hashable {
    /// The driver was asked, or is about to be.
    case powering
}

/// An operation that switches a guest on or off.
protocol PowerOperation: InstanceOperation
where Arguments == InstanceArguments, Step == PowerStep, Output == JSONValue {
    static var change: PowerChange { get }
}

extension PowerOperation {
    static var needs: [DriverOperation] { [change.call] }
    static var events: [String] { ["\(change.event).start", "\(change.event).end"] }
    static func instance(of arguments: InstanceArguments) -> Instance { arguments.instance }
    static func acceptance(of arguments: InstanceArguments) -> AcceptanceRule { .ifIdle(change.task) }
    static func json(_ output: JSONValue) -> JSONValue { output }
    /// Switching twice is switching once, but a guest that was switched already is not asked again.
    static func recovery(at step: PowerStep) -> RecoveryRule { .redoUnlessDone }

    static func perform(
        _ arguments: InstanceArguments, from step: PowerStep?, in run: OperationRun<Self>
    ) async throws -> Finished<JSONValue> {
        let instance = arguments.instance
        var isDone = false
        if let step {
            isDone =
                recovery(at: step) == .redoUnlessDone
                ? try await run.guest(instance.id)?.powerState == change.doneWhen : false
        } else {
            try await run.begin(
                instance, .powering, accept: acceptance(of: arguments), expecting: change.expected
            ) { commit throws(ComputeFault) in
                commit.notify("\(change.event).start")
            }
        }
        let known = run.row?.instance ?? instance
        if !isDone {
            try run.checkInterruption()
            try await change.call == .powerOn
                ? run.driver.powerOn(known, interruptedBy: run.token)
                : run.driver.powerOff(known, interruptedBy: run.token)
            // What a cancel comes too late for is told as it is.
            try run.checkInterruption(by: .superseded)
        }
        let power = try await run.driver.powerState(instance.id)
        return try await run.finish(.null) { commit throws(ComputeFault) in
            try commit.update(expecting: change.expected) {
                $0.vmState = change.finalState
                $0.taskState = nil
                $0.powerState = power
            }
            commit.notify("\(change.event).end")
        }
    }
}
