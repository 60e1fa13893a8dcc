// SPDX-License-Identifier: Apache-2.0

public import ComputeModel

/// The source's part of a resize or migration.
public struct MigrateDiskRequest: Sendable {
    /// With its old sizes.
    public let instance: Instance
    public let migration: Migration
    /// The guest's interfaces as the network service describes them.
    public let networkInfo: [JSONValue]
    /// The guest's volumes.
    public let blockDevices: [BlockDevice]
    /// Hears how far it is.
    public let progress: ProgressReporter

    public init(
        instance: Instance, migration: Migration, networkInfo: [JSONValue] = [], blockDevices: [BlockDevice] = [],
        progress: ProgressReporter = .silent
    ) {
        self.instance = instance
        self.migration = migration
        self.networkInfo = networkInfo
        self.blockDevices = blockDevices
        self.progress = progress
    }
}

/// What the source tells the destination of the disks that it has put there; the text is the drivers' own.
public struct DiskTransfer: Sendable, Hashable {
    /// Nova's `disk_info`; nil where the destination needs none.
    public let text: String?

    public init(_ text: String?) { self.text = text }
}
