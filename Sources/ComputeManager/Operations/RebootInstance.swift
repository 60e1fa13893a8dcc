// SPDX-License-Identifier: Apache-2.0

internal import ComputeDriver
internal import ComputeModel
internal import Logging
internal import WorkerStore

/// Restarts an instance, softly or hard. Nova: `reboot_instance`.
enum RebootInstance: InstanceOperation {
    struct Arguments: Sendable {
        let instance: Instance
        let type: RebootType
    }

    enum Step: Codable, Sendable, Hashable {
        /// The driver is to restart the guest that had this boot identity before.
        case rebooting(boot: String?)
    }

    static let name = OperationName(rawValue: "reboot_instance")
    static let summary = "restarts an instance, softly (asking the guest first) or hard"
    static let needs: [DriverOperation] = [.reboot]

    static func instance(of arguments: Arguments) -> Instance { arguments.instance }
    static func json(_ output: JSONValue) -> JSONValue { output }

    static func acceptance(of arguments: Arguments) -> AcceptanceRule {
        .always(arguments.type == .soft ? .rebooting : .rebootingHard)
    }

    /// A guest with another boot identity than before was restarted; a restart that a guest made inside itself leaves
    /// no trace and is done once more.
    static func recovery(at step: Step) -> RecoveryRule { .redoUnlessDone }

    static func perform(
        _ arguments: Arguments, from step: Step?, in run: OperationRun<RebootInstance>
    ) async throws -> Finished<JSONValue> {
        let id = arguments.instance.id
        let before = try await run.driver.info(id)
        let isDone: Bool
        switch step {
        case .rebooting(let boot)? where recovery(at: .rebooting(boot: boot)) == .redoUnlessDone:
            isDone = before?.powerState == .running && before?.bootIdentity != boot
        case .rebooting?: isDone = false
        case nil:
            isDone = false
            try await run.begin(
                arguments.instance, .rebooting(boot: before?.bootIdentity), accept: acceptance(of: arguments)
            ) { change throws(ComputeFault) in
                change.notify("reboot.start", elevated: true)
                change.update(elevated: true) {
                    $0.vmState = .active
                    $0.powerState = before?.powerState ?? .noState
                }
            }
        }
        var failure: ComputeFault?
        if !isDone {
            try run.checkInterruption()
            failure = try await reboot(arguments, run)
        }
        // What a cancel comes too late for is told as it is.
        try run.checkInterruption(by: .superseded)
        let power = try await run.driver.powerState(id)
        return try await run.finish(.null, error: failure?.message) { change throws(ComputeFault) in
            change.update(elevated: true) {
                $0.vmState = .active
                $0.taskState = nil
                $0.powerState = power
            }
            change.notify("reboot.end", elevated: true)
        }
    }

    /// As in nova, a reboot that fails ends like one that did not: the power state tells what became of the guest.
    private static func reboot(
        _ arguments: Arguments, _ run: OperationRun<RebootInstance>
    ) async throws -> ComputeFault? {
        let request = RebootRequest(instance: run.row?.instance ?? arguments.instance, type: arguments.type)
        do {
            try await run.driver.reboot(request, interruptedBy: run.token)
            return nil
        } catch let fault as ComputeFault {
            run.services.logger.warning(
                "reboot failed",
                metadata: [
                    LogKey.instance: .string(request.instance.id.description), LogKey.error: .string(fault.message),
                ])
            return fault
        }
    }
}
