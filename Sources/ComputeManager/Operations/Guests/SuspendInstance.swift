// SPDX-License-Identifier: Apache-2.0

internal import ComputeDriver
internal import ComputeModel

/// Puts an instance's memory on the disk. Nova: `suspend_instance`.
///
/// A driver may show what it suspended as shut down, as a guest that went by itself is: it is then asked again after a
/// restart, and takes a repeat for done.
enum SuspendInstance: TransitionOperation {
    typealias Arguments = InstanceArguments

    static let name = OperationName(rawValue: "suspend_instance")
    static let summary = "puts an instance's memory on the disk and frees the host's"
    static let transition = Transition(
        call: .suspend, task: .suspending, expected: [.suspending], finalState: .suspended, doneWhen: .suspended,
        endEvent: "suspend", failsIntoError: true)

    static func ask(_ instance: Instance, _: Void, _ run: OperationRun<Self>) async throws {
        try await run.driver.suspend(instance, interruptedBy: run.token)
    }
}
