// SPDX-License-Identifier: Apache-2.0

public import ComputeModel

/// Drivers that tell a guest's counters.
public protocol DiagnosingDriver: ComputeDriver {
    /// By nova's keys (`cpu0_time` in nanoseconds, `vda_read` in bytes, `memory` in KiB). Nova: `get_diagnostics`.
    func diagnostics(_ instance: Instance) async throws -> JSONObject

    /// The same with types. Nova: `get_instance_diagnostics`.
    func instanceDiagnostics(_ instance: Instance) async throws -> InstanceDiagnostics
}
