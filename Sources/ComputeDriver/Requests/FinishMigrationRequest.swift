// SPDX-License-Identifier: Apache-2.0

public import ComputeModel

/// The destination's part of a resize or migration.
public struct FinishMigrationRequest: Sendable {
    /// With its new sizes.
    public let instance: Instance
    public let migration: Migration
    /// What the source said of the disks.
    public let transfer: DiskTransfer
    /// The image that the guest was built from, where it is needed and still there.
    public let image: LocalImage?
    /// Whether the sizes differ from the old ones.
    public let isResized: Bool
    /// The guest's interfaces as the network service describes them.
    public let networkInfo: [JSONValue]
    /// The guest's volumes.
    public let blockDevices: [BlockDevice]
    /// Hears how far it is.
    public let progress: ProgressReporter

    public init(
        instance: Instance, migration: Migration, transfer: DiskTransfer, image: LocalImage? = nil, isResized: Bool,
        networkInfo: [JSONValue] = [], blockDevices: [BlockDevice] = [], progress: ProgressReporter = .silent
    ) {
        self.instance = instance
        self.migration = migration
        self.transfer = transfer
        self.image = image
        self.isResized = isResized
        self.networkInfo = networkInfo
        self.blockDevices = blockDevices
        self.progress = progress
    }
}
