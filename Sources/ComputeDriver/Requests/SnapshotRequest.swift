// SPDX-License-Identifier: Apache-2.0

public import ComputeModel

/// A copy of a guest's root disk.
public struct SnapshotRequest: Sendable {
    public let instance: Instance
    /// The image that it becomes.
    public let imageID: String
    /// The file to write, on this host; not there yet, its directory is.
    public let path: String
    /// Hears how far it is.
    public let progress: ProgressReporter

    public init(instance: Instance, imageID: String, path: String, progress: ProgressReporter = .silent) {
        self.instance = instance
        self.imageID = imageID
        self.path = path
        self.progress = progress
    }
}

/// What a snapshot has written.
public struct SnapshotResult: Sendable {
    /// The image's format: `qcow2`, `raw`.
    public let diskFormat: String
    /// The disk's size as a guest sees it.
    public let virtualSize: ByteCount
    /// The file's size.
    public let size: ByteCount

    public init(diskFormat: String, virtualSize: ByteCount, size: ByteCount) {
        self.diskFormat = diskFormat
        self.virtualSize = virtualSize
        self.size = size
    }
}
