// SPDX-License-Identifier: Apache-2.0

/// Drivers whose hypervisor has pools that follow the cloud's host aggregates.
public protocol AggregateDriver: ComputeDriver {
    /// Nova: `add_to_aggregate`.
    func addToAggregate(_ change: AggregateChange) async throws

    /// Nova: `remove_from_aggregate`.
    func removeFromAggregate(_ change: AggregateChange) async throws

    /// Nova: `undo_aggregate_operation`.
    func undoAggregateChange(_ change: AggregateChange) async throws
}
