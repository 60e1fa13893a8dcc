// SPDX-License-Identifier: Apache-2.0

public import ComputeModel

/// Drivers that reserve something before a build's networks and volumes are made (bare metal).
///
/// No build of Folsom's asks for it: its drivers have reserved all they need when `spawn` returns.
public protocol SpawnPreparingDriver: ComputeDriver {
    /// Nova: `prepare_for_spawn`.
    func prepareForSpawn(_ instance: Instance) async throws

    /// Idempotent. Nova: `failed_spawn_cleanup`.
    func cleanUpFailedSpawn(_ instance: Instance) async throws
}
