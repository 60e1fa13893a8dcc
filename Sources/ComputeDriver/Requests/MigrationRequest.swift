// SPDX-License-Identifier: Apache-2.0

public import ComputeModel

/// The end of a resize or migration, on either host.
public struct MigrationRequest: Sendable {
    public let instance: Instance
    public let migration: Migration
    /// The guest's interfaces as the network service describes them.
    public let networkInfo: [JSONValue]
    /// The guest's volumes.
    public let blockDevices: [BlockDevice]

    public init(
        instance: Instance, migration: Migration, networkInfo: [JSONValue] = [], blockDevices: [BlockDevice] = []
    ) {
        self.instance = instance
        self.migration = migration
        self.networkInfo = networkInfo
        self.blockDevices = blockDevices
    }
}
