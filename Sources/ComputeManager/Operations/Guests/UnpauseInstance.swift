// SPDX-License-Identifier: Apache-2.0

internal import ComputeDriver
internal import ComputeModel

/// Lets an instance's processors go on. Nova: `unpause_instance`.
enum UnpauseInstance: TransitionOperation {
    typealias Arguments = InstanceArguments

    static let name = OperationName(rawValue: "unpause_instance")
    static let summary = "lets the processors of a paused instance go on"
    static let transition = Transition(
        call: .unpause, task: .unpausing, expected: [.unpausing], finalState: .active, doneWhen: .running)

    static func ask(_ instance: Instance, _: Void, _ run: OperationRun<Self>) async throws {
        try await run.driver.unpause(instance, interruptedBy: run.token)
    }
}
