// SPDX-License-Identifier: Apache-2.0

internal import ComputeDriver
internal import ComputeModel

/// Tells a guest's counters; nothing of one that does not run. Nova: `get_diagnostics`.
enum GetDiagnostics: ReadOnlyOperation {
    typealias Arguments = InstanceArguments

    static let name = OperationName(rawValue: "get_diagnostics")
    static let summary = "tells a guest's counters"
    static let needs: [DriverOperation] = [.diagnostics]

    static func json(_ output: JSONObject?) -> JSONValue { output.map { .object($0) } ?? .null }

    static func answer(_ arguments: Arguments, in context: ReadContext) async throws -> JSONObject? {
        guard try await context.driver.powerState(arguments.instance.id) == .running else { return nil }
        return try await context.driver.diagnostics(arguments.instance)
    }
}
