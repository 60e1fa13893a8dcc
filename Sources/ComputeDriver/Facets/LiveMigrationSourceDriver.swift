// SPDX-License-Identifier: Apache-2.0

public import ComputeModel

/// Drivers from whose host a running guest can move.
public protocol LiveMigrationSourceDriver: ComputeDriver {
    /// Whether the guest can leave for the host whose check is given; what it adds to that is for the move.
    /// Throws `migrationFailure` where it can't. Nova: `check_can_live_migrate_source`.
    func checkLiveMigrationSource(_ instance: Instance, destination: JSONObject) async throws -> JSONObject

    /// The guest's local disks, for a move that takes them along. Nova: `get_instance_disk_info`.
    func disks(of instance: Instance) async throws -> [GuestDisk]

    /// Moves the guest and returns when it runs over there; after a failure or a cancellation it runs here.
    /// Nova: `live_migration`, without its callbacks.
    func liveMigrate(_ request: LiveMigrationRequest) async throws

    /// Removes what is left here of a guest that has gone: its definition, filters, interfaces, and its files where the
    /// other host does not see the same. Idempotent. Nova: what `_post_live_migration` asks the driver for.
    func cleanUpAfterLiveMigration(_ request: LiveMigrationRequest) async throws
}
