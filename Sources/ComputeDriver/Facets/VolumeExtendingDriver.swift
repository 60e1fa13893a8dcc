// SPDX-License-Identifier: Apache-2.0

public import ComputeModel

/// Drivers that tell a guest that its volume has grown.
public protocol VolumeExtendingDriver: ComputeDriver {
    /// Nova: `extend_volume`.
    func extendVolume(_ device: BlockDevice, of instance: Instance, to size: ByteCount) async throws
}
