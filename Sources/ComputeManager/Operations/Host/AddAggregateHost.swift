// SPDX-License-Identifier: Apache-2.0

internal import ComputeDriver
internal import ComputeModel

/// Tells the hypervisor that a host joins a pool; one that fails is taken back. Nova: `add_aggregate_host`.
enum AddAggregateHost: HostOperation {
    struct Arguments: Sendable {
        let change: AggregateChange
    }

    static let name = OperationName(rawValue: "add_aggregate_host")
    static let summary = "tells the hypervisor that a host joins a pool"
    static let needs: [DriverOperation] = [.addToAggregate, .undoAggregateChange]

    static func json(_ output: JSONValue) -> JSONValue { output }

    static func perform(_ arguments: Arguments, in run: HostRun) async throws -> JSONValue {
        do {
            try await run.driver.addToAggregate(arguments.change)
        } catch let fault as ComputeFault {
            try await run.undo(arguments.change, .joining, after: fault)
            throw fault
        }
        return .null
    }
}
