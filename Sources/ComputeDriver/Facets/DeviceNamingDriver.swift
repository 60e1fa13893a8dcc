// SPDX-License-Identifier: Apache-2.0

public import ComputeModel

/// Drivers that name a guest's disks in a way of their own; for others they are named by nova's rule.
///
/// `reserve_block_device_name` asks for the next name. The other two are for a dialect in which the API leaves a build's
/// names to the worker; Folsom's names them itself.
public protocol DeviceNamingDriver: ComputeDriver {
    /// The name of the root device (`/dev/vda`). Nova: `default_root_device_name`.
    func defaultRootDeviceName(for instance: Instance) async throws -> String

    /// The names that a build's devices get, in their order. Nova: `default_device_names_for_instance`.
    func defaultDeviceNames(for instance: Instance, count: Int) async throws -> [String]

    /// The name that the next device gets: none of `taken`, and none that the guest has in use, whoever plugged that in.
    /// Nova: `get_device_name_for_instance`.
    func nextDeviceName(for instance: Instance, taken: Set<String>) async throws -> String
}
