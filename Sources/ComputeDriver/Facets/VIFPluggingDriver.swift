// SPDX-License-Identifier: Apache-2.0

/// Drivers that connect a guest's interfaces to the host's network apart from building it.
public protocol VIFPluggingDriver: ComputeDriver {
    /// Connects them; idempotent. Nova: `plug_vifs`.
    func plugVIFs(_ request: GuestRequest) async throws

    /// Disconnects them; idempotent. Nova: `unplug_vifs`.
    func unplugVIFs(_ request: GuestRequest) async throws
}
