// SPDX-License-Identifier: Apache-2.0

public import ComputeModel

/// Drivers that hand a directory of a file share to a guest.
public protocol ShareMountingDriver: ComputeDriver {
    /// Mounts the share on the host; idempotent. Nova: `mount_share`.
    func mountShare(_ share: FileShare, for instance: Instance) async throws

    /// Idempotent. Nova: `umount_share`.
    func unmountShare(_ share: FileShare, for instance: Instance) async throws
}
