// SPDX-License-Identifier: Apache-2.0

/// Drivers that tell a guest that its volume has grown.
public protocol VolumeExtendingDriver: ComputeDriver {
    /// Nova: `extend_volume`.
    func extendVolume(_ request: ExtendVolumeRequest) async throws
}
