// SPDX-License-Identifier: Apache-2.0

public import ComputeModel

/// Drivers that name a guest's disks in a way of their own; for others they are named by nova's rule.
public protocol DeviceNamingDriver: ComputeDriver {
    /// The name of the root device (`/dev/vda`). Nova: `default_root_device_name`.
    func defaultRootDeviceName(for instance: Instance) async throws -> String

    /// The names that a build's devices get, in their order. Nova: `default_device_names_for_instance`.
    func defaultDeviceNames(for instance: Instance, count: Int) async throws -> [String]

    /// The name that the next device gets. Nova: `get_device_name_for_instance`.
    func nextDeviceName(for instance: Instance, taken: Set<String>) async throws -> String
}
