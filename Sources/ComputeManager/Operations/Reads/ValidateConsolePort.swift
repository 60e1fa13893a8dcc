// SPDX-License-Identifier: Apache-2.0

internal import ComputeDriver
internal import ComputeModel

/// Tells whether a port is that of a guest's screen. Nova: `validate_console_port`.
enum ValidateConsolePort: ReadOnlyOperation {
    struct Arguments: Sendable {
        let instance: Instance
        let port: String
    }

    static let name = OperationName(rawValue: "validate_console_port")
    static let summary = "tells whether a port is that of a guest's screen"
    static let needs: [DriverOperation] = [.vncConsole]

    static func json(_ output: Bool) -> JSONValue { .bool(output) }

    static func answer(_ arguments: Arguments, in context: ReadContext) async throws -> Bool {
        String(try await context.driver.vncConsole(arguments.instance).port) == arguments.port
    }
}
