// SPDX-License-Identifier: Apache-2.0

internal import ComputeDriver
internal import ComputeModel

/// Tells how long the host is up. Nova: `get_host_uptime`.
enum GetHostUptime: ReadOnlyOperation {
    struct Arguments: Sendable {}

    static let name = OperationName(rawValue: "get_host_uptime")
    static let summary = "tells how long the host is up"
    static let needs: [DriverOperation] = [.hostUptime]

    static func json(_ output: String) -> JSONValue { .string(output) }

    static func answer(_ arguments: Arguments, in context: ReadContext) async throws -> String {
        try await context.driver.hostUptime()
    }
}
