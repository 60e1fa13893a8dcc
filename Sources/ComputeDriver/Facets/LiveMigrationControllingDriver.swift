// SPDX-License-Identifier: Apache-2.0

public import ComputeModel

/// Drivers that can end, or hurry, a live migration that is under way.
public protocol LiveMigrationControllingDriver: ComputeDriver {
    /// Has the guest pause until it has moved; `invalid` if it does not move. Nova: `live_migration_force_complete`.
    func forceLiveMigration(of instance: Instance) async throws

    /// Gives the move up, which then fails, and returns when it has ended, which it may do well where it was too late;
    /// success if none is under way. Nova: `live_migration_abort`.
    func abortLiveMigration(of instance: Instance) async throws
}
