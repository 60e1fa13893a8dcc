// SPDX-License-Identifier: Apache-2.0

public import ComputeModel

/// Drivers that plug network interfaces into a guest that is there already.
public protocol InterfaceAttachingDriver: ComputeDriver {
    /// Success if an interface with that MAC address is there already. Nova: `attach_interface`.
    func attachInterface(_ interface: JSONValue, to instance: Instance) async throws

    /// Success if none with that MAC address is there, nor the guest. Nova: `detach_interface`.
    func detachInterface(_ interface: JSONValue, from instance: Instance) async throws
}
