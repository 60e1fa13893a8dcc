// SPDX-License-Identifier: Apache-2.0

internal import ComputeDriver
internal import ComputeModel

/// Has the hypervisor accept new guests, or refuse them. Nova: `set_host_enabled`.
enum SetHostEnabled: HostOperation {
    struct Arguments: Sendable {
        let isEnabled: Bool
    }

    static let name = OperationName(rawValue: "set_host_enabled")
    static let summary = "has the host accept new guests or refuse them"
    static let needs: [DriverOperation] = [.setHostEnabled]

    static func json(_ output: String) -> JSONValue { .string(output) }

    static func perform(_ arguments: Arguments, in run: HostRun) async throws -> String {
        try await run.driver.setHostEnabled(arguments.isEnabled)
    }
}
