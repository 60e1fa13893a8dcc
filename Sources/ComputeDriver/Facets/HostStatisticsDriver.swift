// SPDX-License-Identifier: Apache-2.0

/// Drivers that tell what a scheduler wants to know of their host.
public protocol HostStatisticsDriver: ComputeDriver {
    /// In one set of units whatever the driver. Nova: `get_host_stats`.
    func hostStatistics() async throws -> HostStatistics

    /// Nova: `get_host_cpu_stats`.
    func hostCPUTimes() async throws -> HostCPUTimes
}
