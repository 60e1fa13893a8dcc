// SPDX-License-Identifier: Apache-2.0

internal import ComputeDriver
internal import ComputeModel

/// Stops an instance's processors. Nova: `pause_instance`.
enum PauseInstance: TransitionOperation {
    typealias Arguments = InstanceArguments

    static let name = OperationName(rawValue: "pause_instance")
    static let summary = "stops an instance's processors; its memory stays"
    static let transition = Transition(
        call: .pause, task: .pausing, expected: [.pausing], finalState: .paused, doneWhen: .paused)

    static func ask(_ instance: Instance, _: Void, _ run: OperationRun<Self>) async throws {
        try await run.driver.pause(instance, interruptedBy: run.token)
    }
}
