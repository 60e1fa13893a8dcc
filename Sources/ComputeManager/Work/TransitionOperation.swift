// SPDX-License-Identifier: Apache-2.0

internal import ComputeDriver
internal import ComputeModel
internal import WorkerStore

/// What tells one operation of the form "ask the driver, then write the end state" from another.
struct Transition: Sendable {
    let call: DriverOperation
    /// The task that nova's API writes before it casts.
    let task: TaskState
    /// The tasks in which the operation may begin and its last write may find the instance; nil for any.
    let expected: [TaskState?]?
    let finalState: VMState
    /// The power state that shows that the call had its effect; nil where none does and the driver takes a repeat for
    /// done.
    let doneWhen: PowerState?
    /// Told before the driver is asked, and at the end.
    var startEvent: String?
    var endEvent: String?
    var isElevated = true
    /// Whether a failure of the driver puts the instance into ERROR.
    var failsIntoError = false
    var step = TransitionStep.asking
}

/// Where such an operation stands: the driver was asked, or is about to be.
enum TransitionStep: String, Codable, Sendable, Hashable {
    case asking
    /// The same of an operation that switches a guest on or off.
    case powering
}

/// An operation that asks the driver for one thing and writes what the instance has become.
///
/// A restart asks the guest first: one that shows the effect is not asked again. Where a power state can't show it (a
/// guest that is rescued runs like any other), the driver is asked again and takes a repeat for done.
protocol TransitionOperation: InstanceOperation where Step == TransitionStep, Output == JSONValue {
    /// What the driver is asked with, beside the instance.
    associatedtype Preparation: Sendable

    static var transition: Transition { get }

    /// Gets that together, before anything is written, and again after a restart.
    static func prepare(_ arguments: Arguments, in run: OperationRun<Self>) async throws -> Preparation

    /// What the first commit keeps beside the task, and what the last one changes beside the states.
    static func begin(_ preparation: Preparation, _ change: inout InstanceChange)
    static func end(_ change: inout InstanceChange)

    static func ask(_ instance: Instance, _ preparation: Preparation, _ run: OperationRun<Self>) async throws
}

extension TransitionOperation {
    static var stepNames: [String] { [transition.step.rawValue] }
    static var needs: [DriverOperation] { [transition.call] }
    static var events: [String] { [transition.startEvent, transition.endEvent].compactMap { $0 } }
    static func acceptance(of arguments: Arguments) -> AcceptanceRule { .ifIdle(transition.task) }
    static func json(_ output: JSONValue) -> JSONValue { output }
    static func recovery(at step: TransitionStep) -> RecoveryRule { .redoUnlessDone }
    static func begin(_ preparation: Preparation, _ change: inout InstanceChange) {}
    static func end(_ change: inout InstanceChange) {}

    static func perform(
        _ arguments: Arguments, from step: TransitionStep?, in run: OperationRun<Self>
    ) async throws -> Finished<JSONValue> {
        let instance = instance(of: arguments)
        let transition = transition
        let preparation = try await prepare(arguments, in: run)
        var isDone = false
        if let step {
            // Also where the state does not show it: what a worker that died has begun at the hypervisor ends first.
            let guest = try await run.guest(instance.id)
            if recovery(at: step) == .redoUnlessDone, let shown = transition.doneWhen {
                isDone = guest?.powerState == shown
            }
        } else {
            try await run.begin(
                instance, transition.step, accept: acceptance(of: arguments), expecting: transition.expected
            ) { change throws(ComputeFault) in
                begin(preparation, &change)
                if let event = transition.startEvent { change.notify(event, elevated: transition.isElevated) }
            }
        }
        if !isDone {
            try run.checkInterruption()
            do {
                try await ask(run.row?.instance ?? instance, preparation, run)
            } catch let fault as ComputeFault {
                // A call that was cut short for a delete says what became of it, not why.
                try run.checkInterruption(by: .superseded)
                throw fault
            }
            // What a cancel comes too late for is told as it is.
            try run.checkInterruption(by: .superseded)
        }
        let power = try await run.driver.powerState(instance.id)
        return try await run.finish(.null) { change throws(ComputeFault) in
            if let tasks = transition.expected { try change.expect(tasks) }
            end(&change)
            change.update(elevated: transition.isElevated) {
                $0.vmState = transition.finalState
                $0.taskState = nil
                $0.powerState = power
            }
            if let event = transition.endEvent { change.notify(event, elevated: transition.isElevated) }
        }
    }

    static func failed(_ fault: ComputeFault, _ change: inout InstanceChange) {
        if transition.failsIntoError, change.instance.taskState == transition.task, !fault.isInterruption,
            fault.kind != .unexpectedTaskState
        {
            change.update(elevated: true) { $0.vmState = .error }
        }
        change.revertTask(fault)
    }
}

extension TransitionOperation where Arguments == InstanceArguments {
    static func instance(of arguments: InstanceArguments) -> Instance { arguments.instance }
}

extension TransitionOperation where Preparation == Void {
    static func prepare(_ arguments: Arguments, in run: OperationRun<Self>) async throws {}
}

extension ComputeFault {
    /// Whether the work was to end, and did not fail by itself.
    var isInterruption: Bool { kind == .superseded || kind == .cancelled }
}
