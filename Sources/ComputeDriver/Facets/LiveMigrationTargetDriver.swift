// SPDX-License-Identifier: Apache-2.0

public import ComputeModel

/// Drivers to whose host a running guest can move.
public protocol LiveMigrationTargetDriver: ComputeDriver {
    /// What this host says of taking the guest; made undone by ``cleanUpLiveMigrationCheck(_:)``.
    /// Throws `migrationFailure` where it can't. Nova: `check_can_live_migrate_destination`.
    func checkLiveMigrationDestination(_ request: LiveMigrationCheck) async throws -> JSONObject

    /// Removes the traces of the check; idempotent. Nova: `check_can_live_migrate_destination_cleanup`.
    func cleanUpLiveMigrationCheck(_ check: JSONObject) async throws

    /// Gets ready: volumes, interfaces, and the disks where those come along. Idempotent.
    /// Nova: `pre_live_migration`, `pre_block_migration`.
    func prepareLiveMigration(_ request: PrepareLiveMigrationRequest) async throws

    /// Makes the guest that has come one of this host's for good; `instanceNotFound` where it has not come.
    /// Nova: `post_live_migration_at_destination`.
    func finishLiveMigrationAtDestination(_ request: GuestRequest) async throws

    /// Removes what the preparation made; never a guest that runs here. Idempotent.
    /// Nova: `rollback_live_migration_at_destination`.
    func rollBackLiveMigrationAtDestination(_ request: GuestRequest) async throws
}
