// SPDX-License-Identifier: Apache-2.0

internal import ComputeDriver
internal import ComputeModel
internal import Logging
internal import WorkerStore

/// Sets the administrator's password inside a running guest. Nova: `set_admin_password`.
///
/// No driver shows whether a password was set: a restart sets it again, which changes nothing.
enum SetAdminPassword: InstanceOperation {
    struct Arguments: Sendable {
        let instance: Instance
        /// Nil for one that is made up here, which nobody is told: the earlier one no longer works.
        let password: Secret<String>?
    }

    enum Step: String, CaseIterable, Codable, Sendable, Hashable {
        /// The guest was asked, or is about to be.
        case setting
    }

    static let name = OperationName(rawValue: "set_admin_password")
    static let summary = "sets the administrator's password inside a running guest"
    static let needs: [DriverOperation] = [.setAdminPassword]
    static let events: [String] = []

    /// How often the guest is asked, one second apart.
    static let tries = 10

    static func instance(of arguments: Arguments) -> Instance { arguments.instance }
    static func acceptance(of arguments: Arguments) -> AcceptanceRule { .ifIdle(.updatingPassword) }
    static func json(_ output: JSONValue) -> JSONValue { output }
    static func recovery(at step: Step) -> RecoveryRule { .goOn }

    static func perform(
        _ arguments: Arguments, from step: Step?, in run: OperationRun<SetAdminPassword>
    ) async throws -> Finished<JSONValue> {
        if step == nil {
            try await run.begin(
                arguments.instance, .setting, accept: acceptance(of: arguments), expecting: [.updatingPassword]
            ) { _ in }
        }
        let password = arguments.password ?? madeUp(run.services.identifiers)
        try await set(password, of: run.row?.instance ?? arguments.instance, run)
        return try await run.finish(.null) { change throws(ComputeFault) in
            try change.update(expecting: [.updatingPassword], elevated: true) { $0.taskState = nil }
        }
    }

    private static func set(
        _ password: Secret<String>, of instance: Instance, _ run: OperationRun<SetAdminPassword>
    ) async throws {
        var number = 1
        while true {
            try run.checkInterruption()
            guard try await run.driver.powerState(instance.id) == .running else {
                throw failure("Failed to set admin password. Instance \(instance.id) is not running", instance)
            }
            do {
                return try await run.driver.setAdminPassword(password, of: instance, interruptedBy: run.token)
            } catch let fault as ComputeFault {
                try run.checkInterruption()
                // A guest that has no way to be told is not asked again.
                if fault.kind == .unsupportedOperation { throw failure(fault.message, instance) }
                run.logger.warning(
                    "a guest did not take its new password",
                    metadata: [
                        LogKey.instance: .string(instance.id.description), LogKey.error: .string("\(fault.kind)"),
                    ])
                guard number < tries else { throw failure(exhausted(by: fault), instance) }
            }
            number += 1
            try await run.services.clock.sleep(for: .seconds(1))
        }
    }

    /// What nova says after the last try.
    private static let exhausted = "error setting admin password"

    /// The driver's own reason with it, and nothing of what the guest or the hypervisor said: that may tell of the
    /// password.
    private static func exhausted(by fault: ComputeFault) -> String {
        guard fault.kind == .instancePasswordSetFailed, let reason = fault.arguments["reason"]?.string else {
            return exhausted
        }
        return "\(exhausted): \(reason)"
    }

    private static func failure(_ reason: String, _ instance: Instance) -> ComputeFault {
        ComputeFault(
            .instancePasswordSetFailed, "Failed to set admin password on \(instance.id) because \(reason)",
            instance: instance.id,
            arguments: ["instance": .string(instance.id.description), "reason": .string(reason)])
    }

    private static func madeUp(_ identifiers: any IdentifierSource) -> Secret<String> {
        Secret(String(identifiers.next().dashed.prefix(18)))
    }

    static func failed(_ fault: ComputeFault, _ change: inout InstanceChange) {
        if fault.kind == .instancePasswordSetFailed, fault.arguments["reason"]?.string?.hasPrefix(exhausted) == true {
            change.update(elevated: true) { $0.vmState = .error }
        }
        change.revertTask(fault)
    }
}
