// SPDX-License-Identifier: Apache-2.0

public import ComputeModel

/// A snapshot of a volume that is a file.
public struct VolumeSnapshotRequest: Sendable {
    public let instance: Instance
    public let volumeID: String
    public let snapshotID: String
    /// The name of the file that the guest is to write to (create), or that is merged away (delete).
    public let file: String

    public init(instance: Instance, volumeID: String, snapshotID: String, file: String) {
        self.instance = instance
        self.volumeID = volumeID
        self.snapshotID = snapshotID
        self.file = file
    }
}
