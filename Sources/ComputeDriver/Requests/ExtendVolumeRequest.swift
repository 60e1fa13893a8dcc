// SPDX-License-Identifier: Apache-2.0

public import ComputeModel

/// The news for a guest that a volume of its has grown.
public struct ExtendVolumeRequest: Sendable {
    public let instance: Instance
    public let volume: BlockDevice
    /// The volume's whole size by now.
    public let size: ByteCount

    public init(instance: Instance, volume: BlockDevice, size: ByteCount) {
        self.instance = instance
        self.volume = volume
        self.size = size
    }
}
