// SPDX-License-Identifier: Apache-2.0

public import ComputeModel

/// An exchange of volumes under a running guest.
public struct SwapVolumeRequest: Sendable {
    public let instance: Instance
    public let old: BlockDevice
    /// Under the same device name.
    public let new: BlockDevice
    /// Hears how far it is.
    public let progress: ProgressReporter

    public init(instance: Instance, old: BlockDevice, new: BlockDevice, progress: ProgressReporter = .silent) {
        self.instance = instance
        self.old = old
        self.new = new
        self.progress = progress
    }
}
