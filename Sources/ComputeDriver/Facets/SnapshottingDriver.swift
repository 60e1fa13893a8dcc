// SPDX-License-Identifier: Apache-2.0

public import ComputeModel

/// Drivers that copy a guest's root disk into an image.
public protocol SnapshottingDriver: ComputeDriver {
    /// Writes the root disk as it is at one moment to the file of the request; the guest is as before afterwards, also
    /// after a failure, and a failure or a cancellation leaves no file. Nova: `snapshot`.
    func snapshot(_ request: SnapshotRequest) async throws -> SnapshotResult

    /// Ends what goes on of a snapshot whose worker has died, and removes what it has left, but for the request's file;
    /// the guest is as before. Success if there is nothing, or no guest.
    func discardSnapshot(of instance: Instance) async throws
}
