// SPDX-License-Identifier: Apache-2.0

/// Drivers that move a guest that is off to another host, or give it another size.
public protocol ResizingDriver: ComputeDriver {
    /// Stops the guest and puts its disks where the destination finds them; a failure starts it again as it was.
    ///
    /// What is left here waits for ``confirmMigration(_:)`` or ``finishRevertMigration(_:)``.
    /// Nova: `migrate_disk_and_power_off`.
    func migrateDiskAndPowerOff(_ request: MigrateDiskRequest) async throws -> DiskTransfer

    /// The destination's part: builds the guest from the disks that came and starts it; a failure leaves nothing here.
    ///
    /// Idempotent until the resize is confirmed or reverted: a repeat ends what an earlier one, cut off, has left to do,
    /// and costs a guest that runs nothing. Nova: `finish_migration`.
    func finishMigration(_ request: FinishMigrationRequest) async throws

    /// Drops what the source kept; idempotent. Nova: `confirm_migration`.
    func confirmMigration(_ request: MigrationRequest) async throws

    /// Brings the guest back on the source from what it kept; success if it runs. Nova: `finish_revert_migration`.
    func finishRevertMigration(_ request: MigrationRequest) async throws
}
