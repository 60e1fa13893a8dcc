// SPDX-License-Identifier: Apache-2.0

/// Drivers whose filters for a guest can be made before it comes and dropped after it has gone.
public protocol InstanceFilteringDriver: ComputeDriver {
    /// Returns when the filters are there; idempotent. Nova: `ensure_filtering_rules_for_instance`.
    func ensureFilters(_ request: GuestRequest) async throws

    /// Idempotent. Nova: `unfilter_instance`.
    func removeFilters(_ request: GuestRequest) async throws
}
