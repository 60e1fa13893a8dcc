// SPDX-License-Identifier: Apache-2.0

public import ComputeModel

/// The question whether a host can take a running guest.
public struct LiveMigrationCheck: Sendable {
    public let instance: Instance
    /// Whether the local disks are to come along.
    public let takesDisks: Bool
    /// Whether only what the disks hold now must fit, not what they may grow to.
    public let mayOvercommitDisk: Bool

    public init(instance: Instance, takesDisks: Bool, mayOvercommitDisk: Bool) {
        self.instance = instance
        self.takesDisks = takesDisks
        self.mayOvercommitDisk = mayOvercommitDisk
    }
}
