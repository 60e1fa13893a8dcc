// SPDX-License-Identifier: Apache-2.0

internal import ComputeDriver
internal import ComputeModel
internal import WorkerStore

/// Boots a rescued instance from its own disk again. Nova: `unrescue_instance`.
///
/// No power state shows it: after a restart the driver is asked again and takes a repeat for done.
enum UnrescueInstance: TransitionOperation {
    typealias Arguments = InstanceArguments

    static let name = OperationName(rawValue: "unrescue_instance")
    static let summary = "boots a rescued instance from its own disk again"
    static let transition = Transition(
        call: .unrescue, task: .unrescuing, expected: [.unrescuing], finalState: .active, doneWhen: nil,
        failsIntoError: true)

    /// The instance's interfaces.
    static func prepare(_ arguments: InstanceArguments, in run: OperationRun<Self>) async throws -> [JSONValue] {
        try await run.networkInfo(of: arguments.instance)
    }

    static func begin(_ networkInfo: [JSONValue], _ change: inout InstanceChange) {
        change.amend { $0.networkInfo = networkInfo }
    }

    static func end(_ change: inout InstanceChange) {
        change.amend { $0.details[Rescue.key] = nil }
    }

    static func ask(_ instance: Instance, _ networkInfo: [JSONValue], _ run: OperationRun<Self>) async throws {
        try await run.driver.unrescue(
            GuestRequest(
                instance: instance, networkInfo: networkInfo, blockDevices: run.row?.guest.blockDevices ?? []),
            interruptedBy: run.token)
    }
}
