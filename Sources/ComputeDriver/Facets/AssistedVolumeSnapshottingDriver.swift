// SPDX-License-Identifier: Apache-2.0

/// Drivers that take part in the snapshot of a volume that is a file (NFS, GlusterFS).
public protocol AssistedVolumeSnapshottingDriver: ComputeDriver {
    /// Makes the guest write to a new file above the volume's. Nova: `volume_snapshot_create`.
    func createVolumeSnapshot(_ request: VolumeSnapshotRequest) async throws

    /// Merges the snapshot's file away; success if it is gone. Nova: `volume_snapshot_delete`.
    func deleteVolumeSnapshot(_ request: VolumeSnapshotRequest) async throws
}
