// SPDX-License-Identifier: Apache-2.0

internal import ComputeDriver
internal import ComputeModel
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
    static let stepNames = ["rebooting"]
    static let needs: [DriverOperation] = [.reboot]
    static let events = ["reboot.start", "reboot.end"]

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
        let before = try await run.guest(id, resumed: step != nil)
        var isDone = false
        var boot = before?.bootIdentity
        switch step {
        case .rebooting(let known)?:
            boot = known
            if recovery(at: .rebooting(boot: known)) == .redoUnlessDone { isDone = isRebooted(before, since: known) }
        case nil:
            try await run.begin(
                arguments.instance, .rebooting(boot: boot), accept: acceptance(of: arguments)
            ) { change throws(ComputeFault) in
                change.notify("reboot.start", elevated: true)
                change.update(elevated: true) {
                    $0.vmState = .active
                    $0.powerState = before?.powerState ?? .noState
                }
            }
        }
        if !isDone {
            try run.checkInterruption()
            try await reboot(arguments, since: boot, run)
        }
        // What a cancel comes too late for is told as it is.
        try run.checkInterruption(by: .superseded)
        let power = try await run.driver.powerState(id)
        return try await run.finish(.null) { change throws(ComputeFault) in
            change.update(elevated: true) {
                $0.vmState = .active
                $0.taskState = nil
                $0.powerState = power
            }
            change.notify("reboot.end", elevated: true)
        }
    }

    private static func isRebooted(_ guest: InstanceInfo?, since boot: String?) -> Bool {
        guest?.powerState == .running && guest?.bootIdentity != boot
    }

    /// One that a lost hypervisor cut off is done again where the guest shows no effect of it.
    private static func reboot(
        _ arguments: Arguments, since boot: String?, _ run: OperationRun<RebootInstance>
    ) async throws {
        let request = RebootRequest(instance: run.row?.instance ?? arguments.instance, type: arguments.type)
        var isFirst = true
        do {
            try await run.outlastingOutages {
                if !isFirst, isRebooted(try await run.guest(request.instance.id), since: boot) { return }
                isFirst = false
                try await run.driver.reboot(request, interruptedBy: run.token)
            }
        } catch let fault as ComputeFault {
            // A call that was cut short says what became of it, not why.
            if run.token.reason == .overtaken, arguments.type == .soft { try run.checkInterruption(by: .overtaken) }
            try run.checkInterruption(by: .superseded)
            throw fault
        }
    }

    /// One that a hard one takes the place of leaves it the task.
    static func failed(_ fault: ComputeFault, _ change: inout InstanceChange) {
        guard fault.kind != .unexpectedTaskState, fault.arguments["reason"] != InterruptionReason.overtakenWords
        else { return }
        change.update { $0.taskState = nil }
    }
}
