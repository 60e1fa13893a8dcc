// SPDX-License-Identifier: Apache-2.0

internal import ComputeDriver
internal import ComputeModel

/// What stands at the beginning of scenarios.
extension Stage {
    /// A guest that runs.
    func build() async throws {
        try await bench.build(spawnRequest)
        try await noteBoot()
    }

    /// A guest that runs and has no interface.
    func buildAlone() async throws {
        try await bench.build(SpawnRequest(instance: instance, image: image, networkInfo: []))
        try await noteBoot()
    }

    func noteBoot() async throws {
        bootIdentity = try await driver.info(instance.id).bootIdentity
    }

    /// Whether the guest was started since ``noteBoot()``.
    func expectBoot(_ isNew: Bool) async throws {
        let identity = try await driver.info(instance.id).bootIdentity
        expect((identity != bootIdentity) == isNew, isNew ? "the guest was not started" : "the guest was started anew")
    }

    /// A guest that is off.
    func buildOff() async throws {
        try await build()
        try await facet((any PoweringDriver).self, .powerOff).powerOff(instance)
    }

    /// A guest that runs and has the volume.
    func buildWithVolume() async throws {
        try await build()
        try await facet((any VolumeAttachingDriver).self, .attachVolume).attachVolume(try theVolume(), to: instance)
    }

    /// A guest that runs and has the interface.
    func buildWithInterface() async throws {
        try await build()
        guard networkInfo.isEmpty else { return }
        try await facet((any InterfaceAttachingDriver).self, .attachInterface).attachInterface(interface, to: instance)
    }

    // MARK: Moves

    func migration() throws -> Migration {
        let flavor: JSONObject = ["name": "m1.tiny", "memory_mb": JSONValue(instance.memoryMiB)]
        return Migration(
            id: 1, sourceHost: bench.hostName, destinationHost: destinationName, destinationAddress: "127.0.0.1",
            oldFlavor: flavor, newFlavor: ["name": "m1.small", "memory_mb": JSONValue(instance.memoryMiB * 2)],
            status: .migrating)
    }

    /// With twice the memory and another processor.
    func resized() throws -> Instance {
        var fields = instance.fields
        fields["memory_mb"] = JSONValue(instance.memoryMiB * 2)
        fields["vcpus"] = JSONValue(instance.vcpus + 1)
        fields["instance_type"] = .null
        return try Instance(fields: fields)
    }

    func sendDisks() async throws {
        let request = MigrateDiskRequest(instance: instance, migration: try migration(), networkInfo: networkInfo)
        transfer = try await facet((any ResizingDriver).self, .migrateDiskAndPowerOff)
            .migrateDiskAndPowerOff(request)
    }

    func finishResize() async throws {
        let request = FinishMigrationRequest(
            instance: try resized(), migration: try migration(), transfer: transfer,
            image: image, isResized: true, networkInfo: networkInfo)
        try await destination((any ResizingDriver).self, .finishMigration).finishMigration(request)
    }

    func migrationRequest() throws -> MigrationRequest {
        MigrationRequest(instance: instance, migration: try migration(), networkInfo: networkInfo)
    }

    /// Has the checks made.
    func checkMove() async throws {
        let target = try destination((any LiveMigrationTargetDriver).self, .checkLiveMigrationDestination)
        let source = try facet((any LiveMigrationSourceDriver).self, .checkLiveMigrationSource)
        let check = try await target.checkLiveMigrationDestination(
            LiveMigrationCheck(instance: instance, takesDisks: true, mayOvercommitDisk: false))
        document = try await source.checkLiveMigrationSource(instance, destination: check)
    }

    /// Lets the other host expect the guest.
    func prepareMove() async throws {
        let target = try destination((any LiveMigrationTargetDriver).self, .prepareLiveMigration)
        let source = try facet((any LiveMigrationSourceDriver).self, .disksOfInstance)
        try await target.prepareLiveMigration(
            PrepareLiveMigrationRequest(
                instance: instance, disks: try await source.disks(of: instance), migrateData: document,
                networkInfo: networkInfo))
    }

    /// A guest that runs here and is expected over there.
    func buildForMove() async throws {
        try await build()
        try await checkMove()
        try await prepareMove()
    }

    func moveRequest(progress: ProgressReporter = .silent) -> LiveMigrationRequest {
        LiveMigrationRequest(
            instance: instance, destination: destinationName, takesDisks: true,
            migrateData: document, networkInfo: networkInfo, progress: progress)
    }

    func move() async throws {
        try await facet((any LiveMigrationSourceDriver).self, .liveMigrate).liveMigrate(moveRequest())
    }

    /// Takes back what ``prepareMove()`` did.
    func forgetMove() async throws {
        let target = try destination((any LiveMigrationTargetDriver).self, .rollBackLiveMigrationAtDestination)
        try await target.rollBackLiveMigrationAtDestination(guest)
        try await target.cleanUpLiveMigrationCheck(document)
    }
}
