// SPDX-License-Identifier: Apache-2.0

internal import ComputeDriver
internal import ComputeModel

/// Tells the hypervisor that a host leaves a pool; one that fails is taken back. Nova: `remove_aggregate_host`.
enum RemoveAggregateHost: HostOperation {
    struct Arguments: Sendable {
        let change: AggregateChange
    }

    static let name = OperationName(rawValue: "remove_aggregate_host")
    static let summary = "tells the hypervisor that a host leaves a pool"
    static let needs: [DriverOperation] = [.removeFromAggregate, .undoAggregateChange]

    static func json(_ output: JSONValue) -> JSONValue { output }

    static func perform(_ arguments: Arguments, in run: HostRun) async throws -> JSONValue {
        do {
            try await run.driver.removeFromAggregate(arguments.change)
        } catch let fault as ComputeFault {
            try await run.undo(arguments.change, .leaving, after: fault)
            throw fault
        }
        return .null
    }
}
