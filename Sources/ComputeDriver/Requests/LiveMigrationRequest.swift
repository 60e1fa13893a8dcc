// SPDX-License-Identifier: Apache-2.0

public import ComputeModel

/// A move of a running guest.
public struct LiveMigrationRequest: Sendable {
    public let instance: Instance
    /// The other host's name.
    public let destination: String
    /// Whether the local disks come along (block migration).
    public let takesDisks: Bool
    /// What the two hosts' checks said.
    public let migrateData: JSONObject
    /// The guest's interfaces as the network service describes them.
    public let networkInfo: [JSONValue]
    /// The guest's volumes.
    public let blockDevices: [BlockDevice]
    /// Hears how far it is.
    public let progress: ProgressReporter

    public init(
        instance: Instance, destination: String, takesDisks: Bool, migrateData: JSONObject = JSONObject(),
        networkInfo: [JSONValue] = [], blockDevices: [BlockDevice] = [], progress: ProgressReporter = .silent
    ) {
        self.instance = instance
        self.destination = destination
        self.takesDisks = takesDisks
        self.migrateData = migrateData
        self.networkInfo = networkInfo
        self.blockDevices = blockDevices
        self.progress = progress
    }
}
