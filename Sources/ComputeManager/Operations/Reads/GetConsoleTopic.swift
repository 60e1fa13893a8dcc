// SPDX-License-Identifier: Apache-2.0

internal import ComputeDriver
internal import ComputeModel

/// Tells the topic of the console service that serves this host. Nova: `get_console_topic`.
enum GetConsoleTopic: ReadOnlyOperation {
    struct Arguments: Sendable {}

    static let name = OperationName(rawValue: "get_console_topic")
    static let summary = "tells the topic of the console service that serves this host"
    static let needs: [DriverOperation] = []

    static func json(_ output: String) -> JSONValue { .string(output) }

    static func answer(_ arguments: Arguments, in context: ReadContext) async throws -> String {
        "console.\(context.consoles.consoleHost)"
    }
}
