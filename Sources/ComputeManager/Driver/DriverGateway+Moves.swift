// SPDX-License-Identifier: Apache-2.0

internal import ComputeDriver
internal import ComputeModel
internal import Logging

/// Calls that move a guest; each is refused where the driver's type lacks its facet.
extension DriverGateway {
    private func facet<Facet>(
        _ type: Facet.Type, _ operation: DriverOperation, _ id: InstanceID?
    ) throws(ComputeFault) -> Facet {
        guard let facet = driver as? Facet else { throw driver.unsupported(operation, instance: id) }
        return facet
    }

    /// Stops the guest and puts its disks there; a delete destroys the guest under a call that takes too long.
    func migrateDiskAndPowerOff(
        _ request: MigrateDiskRequest, interruptedBy token: InterruptionToken
    ) async throws -> DiskTransfer {
        let instance = request.instance
        let driver = try facet((any ResizingDriver).self, .migrateDiskAndPowerOff, instance.id)
        return try await call(
            .migrateDiskAndPowerOff, on: instance.id, isRepeatable: false, interruptedBy: token,
            unblock: { token.reason == .superseded ? await unblock(instance) : false }
        ) { try await driver.migrateDiskAndPowerOff(request) }
    }

    func finishMigration(_ request: FinishMigrationRequest, interruptedBy token: InterruptionToken) async throws {
        let instance = request.instance
        let driver = try facet((any ResizingDriver).self, .finishMigration, instance.id)
        try await call(
            .finishMigration, on: instance.id, isRepeatable: false, interruptedBy: token,
            unblock: { token.reason == .superseded ? await unblock(instance) : false }
        ) { try await driver.finishMigration(request) }
    }

    func confirmMigration(_ request: MigrationRequest) async throws {
        let driver = try facet((any ResizingDriver).self, .confirmMigration, request.instance.id)
        try await call(.confirmMigration, on: request.instance.id) { try await driver.confirmMigration(request) }
    }

    func finishRevertMigration(_ request: MigrationRequest) async throws {
        let driver = try facet((any ResizingDriver).self, .finishRevertMigration, request.instance.id)
        try await call(.finishRevertMigration, on: request.instance.id) {
            try await driver.finishRevertMigration(request)
        }
    }

    func checkLiveMigrationSource(_ instance: Instance, destination: JSONObject) async throws -> JSONObject {
        let driver = try facet((any LiveMigrationSourceDriver).self, .checkLiveMigrationSource, instance.id)
        return try await call(.checkLiveMigrationSource, on: instance.id) {
            try await driver.checkLiveMigrationSource(instance, destination: destination)
        }
    }

    func disks(of instance: Instance) async throws -> [GuestDisk] {
        let driver = try facet((any LiveMigrationSourceDriver).self, .disksOfInstance, instance.id)
        return try await call(.disksOfInstance, on: instance.id) { try await driver.disks(of: instance) }
    }

    /// Moves a running guest. Whoever interrupts it has the move given up; where the driver can't do that, a delete
    /// destroys the guest.
    func liveMigrate(_ request: LiveMigrationRequest, interruptedBy token: InterruptionToken) async throws {
        let instance = request.instance
        let driver = try facet((any LiveMigrationSourceDriver).self, .liveMigrate, instance.id)
        try await call(
            .liveMigrate, on: instance.id, isRepeatable: false, interruptedBy: token, yieldingTo: .cancelled,
            unblock: {
                do {
                    if try await abortLiveMigration(of: instance) { return false }
                } catch {
                    logger.warning(
                        "a move that is to end can't be given up",
                        metadata: [
                            LogKey.instance: .string(instance.id.description), LogKey.error: .string("\(error)"),
                        ])
                }
                return token.reason == .superseded ? await unblock(instance) : false
            }
        ) { try await driver.liveMigrate(request) }
    }

    /// Gives up a move that is under way; false where the driver has no way to.
    func abortLiveMigration(of instance: Instance) async throws -> Bool {
        guard let driver = driver as? any LiveMigrationControllingDriver else { return false }
        try await call(.abortLiveMigration, on: instance.id) { try await driver.abortLiveMigration(of: instance) }
        return true
    }

    func cleanUpAfterLiveMigration(_ request: LiveMigrationRequest) async throws {
        let driver = try facet(
            (any LiveMigrationSourceDriver).self, .cleanUpAfterLiveMigration, request.instance.id)
        try await call(.cleanUpAfterLiveMigration, on: request.instance.id) {
            try await driver.cleanUpAfterLiveMigration(request)
        }
    }

    func checkLiveMigrationDestination(_ request: LiveMigrationCheck) async throws -> JSONObject {
        let driver = try facet(
            (any LiveMigrationTargetDriver).self, .checkLiveMigrationDestination, request.instance.id)
        return try await call(.checkLiveMigrationDestination, on: request.instance.id) {
            try await driver.checkLiveMigrationDestination(request)
        }
    }

    func cleanUpLiveMigrationCheck(_ check: JSONObject, on id: InstanceID) async throws {
        let driver = try facet((any LiveMigrationTargetDriver).self, .cleanUpLiveMigrationCheck, id)
        try await call(.cleanUpLiveMigrationCheck, on: id) { try await driver.cleanUpLiveMigrationCheck(check) }
    }

    func prepareLiveMigration(_ request: PrepareLiveMigrationRequest) async throws {
        let driver = try facet((any LiveMigrationTargetDriver).self, .prepareLiveMigration, request.instance.id)
        try await call(.prepareLiveMigration, on: request.instance.id) {
            try await driver.prepareLiveMigration(request)
        }
    }

    func finishLiveMigrationAtDestination(_ request: GuestRequest) async throws {
        let driver = try facet(
            (any LiveMigrationTargetDriver).self, .finishLiveMigrationAtDestination, request.instance.id)
        try await call(.finishLiveMigrationAtDestination, on: request.instance.id) {
            try await driver.finishLiveMigrationAtDestination(request)
        }
    }

    func rollBackLiveMigrationAtDestination(_ request: GuestRequest) async throws {
        let driver = try facet(
            (any LiveMigrationTargetDriver).self, .rollBackLiveMigrationAtDestination, request.instance.id)
        try await call(.rollBackLiveMigrationAtDestination, on: request.instance.id) {
            try await driver.rollBackLiveMigrationAtDestination(request)
        }
    }

    /// Nova asks every driver; one without filters has nothing to make sure of.
    func ensureFilters(_ request: GuestRequest) async throws {
        guard let driver = driver as? any InstanceFilteringDriver else { return }
        try await call(.ensureFilters, on: request.instance.id) { try await driver.ensureFilters(request) }
    }
}
