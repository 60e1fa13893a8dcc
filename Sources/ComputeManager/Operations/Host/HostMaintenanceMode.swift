// SPDX-License-Identifier: Apache-2.0

internal import ComputeDriver
internal import ComputeModel

/// Brings the host into maintenance, or out of it. Nova: `host_maintenance_mode`.
enum HostMaintenanceMode: HostOperation {
    struct Arguments: Sendable {
        /// The host that is meant.
        let host: String
        let isOn: Bool
    }

    static let name = OperationName(rawValue: "host_maintenance_mode")
    static let summary = "brings the host into maintenance or out of it"
    static let needs: [DriverOperation] = [.setMaintenance]

    static func json(_ output: String) -> JSONValue { .string(output) }

    static func perform(_ arguments: Arguments, in run: HostRun) async throws -> String {
        let own = run.services.configuration.host
        guard arguments.host == own else {
            throw ComputeFault.invalid(
                "The message for host '\(arguments.host.prefix(64))' came to '\(own)'; nothing was changed.")
        }
        return try await run.driver.setMaintenance(arguments.isOn)
    }
}
