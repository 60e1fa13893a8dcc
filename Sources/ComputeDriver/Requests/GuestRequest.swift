// SPDX-License-Identifier: Apache-2.0

public import ComputeModel

/// A guest with what is plugged into it.
public struct GuestRequest: Sendable {
    public let instance: Instance
    /// The guest's interfaces as the network service describes them.
    public let networkInfo: [JSONValue]
    /// The guest's volumes.
    public let blockDevices: [BlockDevice]

    public init(instance: Instance, networkInfo: [JSONValue] = [], blockDevices: [BlockDevice] = []) {
        self.instance = instance
        self.networkInfo = networkInfo
        self.blockDevices = blockDevices
    }
}
