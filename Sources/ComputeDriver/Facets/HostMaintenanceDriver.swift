// SPDX-License-Identifier: Apache-2.0

/// Drivers that bring their host into maintenance, its guests elsewhere first.
public protocol HostMaintenanceDriver: ComputeDriver {
    /// What the host answers, such as `on_maintenance`. Nova: `host_maintenance_mode`.
    func setMaintenance(_ isOn: Bool) async throws -> String
}
