// SPDX-License-Identifier: Apache-2.0

internal import ComputeDriver
internal import ComputeModel

/// Switches the host. Nova: `host_power_action`.
///
/// A reboot or a shutdown that was begun is not asked for again once the machine was started anew; a worker that alone
/// was restarted asks again, since nothing shows that the host has heard of it.
enum PerformHostPowerAction: HostOperation {
    struct Arguments: Sendable {
        let action: HostPowerAction
    }

    static let name = OperationName(rawValue: "host_power_action")
    static let summary = "switches the host"
    static let needs: [DriverOperation] = [.hostPowerAction]

    static func json(_ output: String) -> JSONValue { .string(output) }

    static func provenByReboot(_ arguments: Arguments) -> String? {
        switch arguments.action {
        case .reboot, .shutdown: arguments.action.rawValue
        case .startup: nil
        }
    }

    static func perform(_ arguments: Arguments, in run: HostRun) async throws -> String {
        try await run.driver.hostPowerAction(arguments.action)
    }
}
