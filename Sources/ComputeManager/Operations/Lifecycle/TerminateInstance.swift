// SPDX-License-Identifier: Apache-2.0

internal import ComputeDriver
internal import ComputeModel
internal import WorkerStore

/// Removes an instance with all that was made for it. Nova: `terminate_instance`.
///
/// Takes the place of what runs and waits before it. An instance that nobody knows is removed with success: what was
/// asked for is so.
enum TerminateInstance: InstanceOperation {
    typealias Arguments = InstanceArguments
    typealias Output = JSONValue

    enum Step: String, Codable, Sendable, Hashable {
        /// The guest is being removed.
        case destroying
    }

    static let name = OperationName(rawValue: "terminate_instance")
    static let summary = "removes an instance with all that was made for it"
    static let needs: [DriverOperation] = [.destroy]
    static let events = ["delete.start", "shutdown.start", "shutdown.end", "delete.end"]
    static let supersedesEarlier = true
    static let seesHandedBack = true

    static func instance(of arguments: InstanceArguments) -> Instance { arguments.instance }
    static func acceptance(of arguments: InstanceArguments) -> AcceptanceRule { .always(.deleting) }
    static func json(_ output: JSONValue) -> JSONValue { output }
    /// Removing what is gone is success, so it is simply done again.
    static func recovery(at step: Step) -> RecoveryRule { .goOn }

    static func perform(
        _ arguments: InstanceArguments, from step: Step?, in run: OperationRun<TerminateInstance>
    ) async throws -> Finished<JSONValue> {
        let instance = arguments.instance
        if step == nil {
            try await run.begin(
                instance, .destroying, accept: acceptance(of: arguments), missing: .believe
            ) { change throws(ComputeFault) in
                change.notify("delete.start")
                change.notify("shutdown.start", elevated: true)
            }
        }
        do {
            try await run.driver.destroy(run.row?.instance ?? instance)
        } catch let fault as ComputeFault where fault.kind == .instanceNotFound {
            // Gone is what it was to be.
        }
        // By the asker's clock where it is told: the build that came before was asked for by the same.
        let asked = run.request.context.timestamp ?? run.entry.receivedAt
        run.services.deleted.note(instance.id, askedFor: asked)
        return try await run.finish(.null) { change throws(ComputeFault) in
            change.notify("shutdown.end", elevated: true)
            let now = change.now
            change.update {
                $0.vmState = .deleted
                $0.taskState = nil
                $0.terminatedAt = now
            }
            change.clean()
            // What is deleted is not to be built elsewhere.
            change.takeBackCasts(of: change.row)
            change.remove()
            change.notify("delete.end")
        }
    }

    /// The task stays `deleting`: nova reverts none here, and a second terminate is what helps.
    static func failed(_ fault: ComputeFault, _ change: inout InstanceChange) {
        if fault.kind == .instanceTerminationFailure { change.update { $0.vmState = .error } }
    }
}
