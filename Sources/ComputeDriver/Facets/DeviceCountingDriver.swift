// SPDX-License-Identifier: Apache-2.0

public import ComputeModel

/// Drivers that tell the counters of one device of a guest.
public protocol DeviceCountingDriver: ComputeDriver {
    /// Nova: `block_stats`.
    func blockCounters(of instance: Instance, disk: String) async throws -> BlockCounters

    /// Nova: `interface_stats`.
    func interfaceCounters(of instance: Instance, interface: String) async throws -> InterfaceCounters
}
