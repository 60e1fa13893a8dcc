// SPDX-License-Identifier: Apache-2.0

internal import ComputeDriver
internal import ComputeModel

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

/// An operation that switches a guest on or off.
protocol PowerOperation: TransitionOperation where Arguments == InstanceArguments, Preparation == Void {
    static var change: PowerChange { get }
}

extension PowerOperation {
    static var transition: Transition {
        Transition(
            call: change.call, task: change.task, expected: change.expected, finalState: change.finalState,
            doneWhen: change.doneWhen, startEvent: "\(change.event).start", endEvent: "\(change.event).end",
            isElevated: false, step: .powering)
    }

    static func ask(_ instance: Instance, _: Void, _ run: OperationRun<Self>) async throws {
        try await change.call == .powerOn
            ? run.driver.powerOn(instance, interruptedBy: run.token)
            : run.driver.powerOff(instance, interruptedBy: run.token)
    }
}
