// SPDX-License-Identifier: Apache-2.0

internal import ComputeDriver
internal import ComputeModel

/// Goes on from the memory on the disk. Nova: `resume_instance`.
enum ResumeInstance: TransitionOperation {
    typealias Arguments = InstanceArguments

    static let name = OperationName(rawValue: "resume_instance")
    static let summary = "goes on from the memory that a suspend put on the disk"
    static let transition = Transition(
        call: .resume, task: .resuming, expected: nil, finalState: .active, doneWhen: .running, endEvent: "resume")

    static func ask(_ instance: Instance, _: Void, _ run: OperationRun<Self>) async throws {
        try await run.driver.resume(instance, interruptedBy: run.token)
    }
}
