// SPDX-License-Identifier: Apache-2.0

public import ComputeModel

/// What a host gets ready for a guest that is to come.
public struct PrepareLiveMigrationRequest: Sendable {
    public let instance: Instance
    /// The source's local disks, where they come along; nil where they don't.
    public let disks: [GuestDisk]?
    /// What the two hosts' checks said.
    public let migrateData: JSONObject
    /// The guest's interfaces as the network service describes them.
    public let networkInfo: [JSONValue]
    /// The guest's volumes.
    public let blockDevices: [BlockDevice]

    public init(
        instance: Instance, disks: [GuestDisk]?, migrateData: JSONObject = JSONObject(), networkInfo: [JSONValue] = [],
        blockDevices: [BlockDevice] = []
    ) {
        self.instance = instance
        self.disks = disks
        self.migrateData = migrateData
        self.networkInfo = networkInfo
        self.blockDevices = blockDevices
    }
}
