// SPDX-License-Identifier: Apache-2.0

/// Drivers that rebuild a guest in a way of their own; for others it is destroyed and built.
public protocol RebuildingDriver: ComputeDriver {
    /// Puts a new root disk under the guest and starts it; all else of it stays. Nova: `rebuild`.
    func rebuild(_ request: SpawnRequest) async throws
}
