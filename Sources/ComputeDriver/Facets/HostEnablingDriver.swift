// SPDX-License-Identifier: Apache-2.0

/// Drivers whose hypervisor can refuse new guests.
public protocol HostEnablingDriver: ComputeDriver {
    /// What the host answers, such as `enabled`. Nova: `set_host_enabled`.
    func setHostEnabled(_ isEnabled: Bool) async throws -> String
}
