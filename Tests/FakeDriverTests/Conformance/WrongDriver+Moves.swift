// SPDX-License-Identifier: Apache-2.0

import ComputeDriver
import ComputeModel
import FakeDriver

extension WrongDriver: LiveMigrationControllingDriver {
    func forceLiveMigration(of instance: Instance) async throws {
        if vice == .forgetsToForce, fake.faults.calls(of: .liveMigrate) > 0 { return }
        try await fake.forceLiveMigration(of: instance)
    }

    func abortLiveMigration(of instance: Instance) async throws {
        if vice == .forgetsToAbort { return }
        try await fake.abortLiveMigration(of: instance)
    }
}

extension WrongDriver: LiveMigrationSourceDriver {
    func checkLiveMigrationSource(_ instance: Instance, destination: JSONObject) async throws -> JSONObject {
        try await fake.checkLiveMigrationSource(instance, destination: destination)
    }

    func disks(of instance: Instance) async throws -> [GuestDisk] { try await fake.disks(of: instance) }

    func liveMigrate(_ request: LiveMigrationRequest) async throws { try await fake.liveMigrate(request) }

    func cleanUpAfterLiveMigration(_ request: LiveMigrationRequest) async throws {
        try await fake.cleanUpAfterLiveMigration(request)
    }
}

extension WrongDriver: LiveMigrationTargetDriver {
    func checkLiveMigrationDestination(_ request: LiveMigrationCheck) async throws -> JSONObject {
        try await fake.checkLiveMigrationDestination(request)
    }

    func cleanUpLiveMigrationCheck(_ check: JSONObject) async throws {
        try await fake.cleanUpLiveMigrationCheck(check)
    }

    func prepareLiveMigration(_ request: PrepareLiveMigrationRequest) async throws {
        try await fake.prepareLiveMigration(request)
    }

    func finishLiveMigrationAtDestination(_ request: GuestRequest) async throws {
        try await fake.finishLiveMigrationAtDestination(request)
    }

    func rollBackLiveMigrationAtDestination(_ request: GuestRequest) async throws {
        try await fake.rollBackLiveMigrationAtDestination(request)
    }
}
