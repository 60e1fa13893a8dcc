// SPDX-License-Identifier: Apache-2.0

/// Drivers whose hypervisor has pools that follow the cloud's host aggregates.
public protocol AggregateDriver: ComputeDriver {
    /// Nova: `add_to_aggregate`.
    func addToAggregate(_ change: AggregateChange) async throws

    /// Nova: `remove_from_aggregate`.
    func removeFromAggregate(_ change: AggregateChange) async throws

    /// Takes a change back that failed, as far as it came. Nova: `undo_aggregate_operation`.
    ///
    /// - Parameter kind: what had failed: after a host's joining it is no member, after its leaving it is one.
    func undoAggregateChange(_ change: AggregateChange, _ kind: AggregateChange.Kind) async throws
}
