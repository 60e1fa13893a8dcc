// SPDX-License-Identifier: Apache-2.0

internal import ComputeDriver
internal import ComputeModel
internal import FakeDriver

extension SimulatedDriver: PoweringDriver {
    func powerOff(_ instance: Instance) async throws {
        try await change(.powerOff, instance) { try await $0.powerOff(instance) }
    }

    func powerOn(_ instance: Instance) async throws {
        try await change(.powerOn, instance) { try await $0.powerOn(instance) }
    }
}

extension SimulatedDriver: PausingDriver {
    func pause(_ instance: Instance) async throws {
        try await change(.pause, instance) { try await $0.pause(instance) }
    }

    func unpause(_ instance: Instance) async throws {
        try await change(.unpause, instance) { try await $0.unpause(instance) }
    }
}

extension SimulatedDriver: SuspendingDriver {
    func suspend(_ instance: Instance) async throws {
        try await change(.suspend, instance) { try await $0.suspend(instance) }
    }

    func resume(_ instance: Instance) async throws {
        try await change(.resume, instance) { try await $0.resume(instance) }
    }
}

extension SimulatedDriver: HostBootResumingDriver {
    func resumeStateOnHostBoot(_ request: GuestRequest) async throws {
        try await change(.resumeStateOnHostBoot, request.instance) { try await $0.resumeStateOnHostBoot(request) }
    }
}

extension SimulatedDriver: RescuingDriver {
    func rescue(_ request: RescueRequest) async throws {
        try await change(.rescue, request.instance) { try await $0.rescue(request) }
    }

    func unrescue(_ request: GuestRequest) async throws {
        try await change(.unrescue, request.instance) { try await $0.unrescue(request) }
    }
}

extension SimulatedDriver: SnapshottingDriver {
    func snapshot(_ request: SnapshotRequest) async throws -> SnapshotResult {
        try await change(.snapshot, request.instance) { try await $0.snapshot(request) }
    }

    func discardSnapshot(of instance: Instance) async throws {
        try await ask(.snapshot, instance.id) { try await fake.discardSnapshot(of: instance) }
    }
}

extension SimulatedDriver: PasswordSettingDriver {
    func setAdminPassword(_ password: Secret<String>, of instance: Instance) async throws {
        try await change(.setAdminPassword, instance) { try await $0.setAdminPassword(password, of: instance) }
    }
}

extension SimulatedDriver: FileInjectingDriver {
    func injectFile(_ file: Secret<InjectedFile>, into instance: Instance) async throws {
        try await change(.injectFile, instance) { try await $0.injectFile(file, into: instance) }
    }
}

extension SimulatedDriver: MetadataChangingDriver {
    func changeMetadata(of instance: Instance, _ changes: [MetadataChange]) async throws {
        try await change(.changeMetadata, instance) { try await $0.changeMetadata(of: instance, changes) }
    }
}

extension SimulatedDriver: ResizingDriver {
    func migrateDiskAndPowerOff(_ request: MigrateDiskRequest) async throws -> DiskTransfer {
        try await change(.migrateDiskAndPowerOff, request.instance) { try await $0.migrateDiskAndPowerOff(request) }
    }

    func finishMigration(_ request: FinishMigrationRequest) async throws {
        try await change(.finishMigration, request.instance) { try await $0.finishMigration(request) }
    }

    func confirmMigration(_ request: MigrationRequest) async throws {
        try await change(.confirmMigration, request.instance) { try await $0.confirmMigration(request) }
    }

    func finishRevertMigration(_ request: MigrationRequest) async throws {
        try await change(.finishRevertMigration, request.instance) { try await $0.finishRevertMigration(request) }
    }
}

extension SimulatedDriver: LiveMigrationSourceDriver {
    func checkLiveMigrationSource(_ instance: Instance, destination: JSONObject) async throws -> JSONObject {
        try await ask(.checkLiveMigrationSource, instance.id) {
            try await fake.checkLiveMigrationSource(instance, destination: destination)
        }
    }

    func disks(of instance: Instance) async throws -> [GuestDisk] {
        try await ask(.disksOfInstance, instance.id) { try await fake.disks(of: instance) }
    }

    func liveMigrate(_ request: LiveMigrationRequest) async throws {
        try await change(.liveMigrate, request.instance) { try await $0.liveMigrate(request) }
    }

    func cleanUpAfterLiveMigration(_ request: LiveMigrationRequest) async throws {
        try await change(.cleanUpAfterLiveMigration, request.instance) {
            try await $0.cleanUpAfterLiveMigration(request)
        }
    }
}

extension SimulatedDriver: LiveMigrationTargetDriver {
    func checkLiveMigrationDestination(_ request: LiveMigrationCheck) async throws -> JSONObject {
        try await change(.checkLiveMigrationDestination, request.instance) {
            try await $0.checkLiveMigrationDestination(request)
        }
    }

    func cleanUpLiveMigrationCheck(_ check: JSONObject) async throws {
        try await ask(.cleanUpLiveMigrationCheck, nil) { try await fake.cleanUpLiveMigrationCheck(check) }
    }

    func prepareLiveMigration(_ request: PrepareLiveMigrationRequest) async throws {
        try await change(.prepareLiveMigration, request.instance) { try await $0.prepareLiveMigration(request) }
    }

    func finishLiveMigrationAtDestination(_ request: GuestRequest) async throws {
        try await change(.finishLiveMigrationAtDestination, request.instance) {
            try await $0.finishLiveMigrationAtDestination(request)
        }
    }

    func rollBackLiveMigrationAtDestination(_ request: GuestRequest) async throws {
        try await change(.rollBackLiveMigrationAtDestination, request.instance) {
            try await $0.rollBackLiveMigrationAtDestination(request)
        }
    }
}

extension SimulatedDriver: VolumeAttachingDriver {
    func volumeConnector(for instance: Instance) async throws -> VolumeConnector {
        try await ask(.volumeConnector, instance.id) { try await fake.volumeConnector(for: instance) }
    }

    func attachVolume(_ device: BlockDevice, to instance: Instance) async throws {
        try await change(.attachVolume, instance) { try await $0.attachVolume(device, to: instance) }
    }

    func detachVolume(_ device: BlockDevice, from instance: Instance) async throws {
        try await change(.detachVolume, instance) { try await $0.detachVolume(device, from: instance) }
    }
}

extension SimulatedDriver: NetworkInjectingDriver {
    func injectNetworkInfo(_ request: GuestRequest) async throws {
        try await change(.injectNetworkInfo, request.instance) { try await $0.injectNetworkInfo(request) }
    }

    func resetNetwork(_ instance: Instance) async throws {
        try await change(.resetNetwork, instance) { try await $0.resetNetwork(instance) }
    }
}

extension SimulatedDriver: ConsoleOutputDriver {
    func consoleOutput(_ instance: Instance) async throws -> [UInt8] {
        try await ask(.consoleOutput, instance.id) { try await fake.consoleOutput(instance) }
    }
}

extension SimulatedDriver: HostUptimeDriver {
    func hostUptime() async throws -> String { try await ask(.hostUptime, nil) { try await fake.hostUptime() } }
}

extension SimulatedDriver: LifecycleEventDriver {
    func lifecycleEvents() -> AsyncStream<LifecycleEvent> { fake.lifecycleEvents() }
}
