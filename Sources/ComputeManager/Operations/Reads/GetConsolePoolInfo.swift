// SPDX-License-Identifier: Apache-2.0

internal import ComputeDriver
internal import ComputeModel

/// Tells where the consoles of all guests are served, and how to log in. Nova: `get_console_pool_info`.
enum GetConsolePoolInfo: ReadOnlyOperation {
    struct Arguments: Sendable {
        let type: String
    }

    static let name = OperationName(rawValue: "get_console_pool_info")
    static let summary = "tells where the consoles of all guests are served"
    static let needs: [DriverOperation] = [.consolePool]

    /// The caller is the console service, which logs in with it.
    static func json(_ output: ConsolePool) -> JSONValue {
        [
            "address": .string(output.address), "username": .string(output.username),
            "password": .string(output.password.reveal()),
        ]
    }

    static func answer(_ arguments: Arguments, in context: ReadContext) async throws -> ConsolePool {
        try await context.driver.consolePool(arguments.type)
    }
}
