// SPDX-License-Identifier: Apache-2.0

/// Drivers that switch their host.
public protocol HostPowerDriver: ComputeDriver {
    /// What the host answers. Nova: `host_power_action`.
    func hostPowerAction(_ action: HostPowerAction) async throws -> String
}
