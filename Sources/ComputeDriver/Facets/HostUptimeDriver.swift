// SPDX-License-Identifier: Apache-2.0

/// Drivers that can tell how long their host has been up.
public protocol HostUptimeDriver: ComputeDriver {
    /// The line that `uptime` prints on the host. Nova: `get_host_uptime`.
    func hostUptime() async throws -> String
}
