// SPDX-License-Identifier: Apache-2.0

internal import ComputeDriver
internal import ComputeModel

/// Calls about what a guest does and holds; each is refused where the driver's type lacks its facet.
extension DriverGateway {
    func pause(_ instance: Instance, interruptedBy token: InterruptionToken) async throws {
        let driver = try guestFacet((any PausingDriver).self, .pause, instance)
        try await changing(.pause, instance, token) { try await driver.pause(instance) }
    }

    func unpause(_ instance: Instance, interruptedBy token: InterruptionToken) async throws {
        let driver = try guestFacet((any PausingDriver).self, .unpause, instance)
        try await changing(.unpause, instance, token) { try await driver.unpause(instance) }
    }

    func suspend(_ instance: Instance, interruptedBy token: InterruptionToken) async throws {
        let driver = try guestFacet((any SuspendingDriver).self, .suspend, instance)
        try await changing(.suspend, instance, token) { try await driver.suspend(instance) }
    }

    func resume(_ instance: Instance, interruptedBy token: InterruptionToken) async throws {
        let driver = try guestFacet((any SuspendingDriver).self, .resume, instance)
        try await changing(.resume, instance, token) { try await driver.resume(instance) }
    }

    func resumeOnHostBoot(_ request: GuestRequest, interruptedBy token: InterruptionToken) async throws {
        let driver = try guestFacet((any HostBootResumingDriver).self, .resumeStateOnHostBoot, request.instance)
        try await changing(.resumeStateOnHostBoot, request.instance, token) {
            try await driver.resumeStateOnHostBoot(request)
        }
    }

    func rescue(_ request: RescueRequest, interruptedBy token: InterruptionToken) async throws {
        let driver = try guestFacet((any RescuingDriver).self, .rescue, request.instance)
        try await changing(.rescue, request.instance, token) { try await driver.rescue(request) }
    }

    func unrescue(_ request: GuestRequest, interruptedBy token: InterruptionToken) async throws {
        let driver = try guestFacet((any RescuingDriver).self, .unrescue, request.instance)
        try await changing(.unrescue, request.instance, token) { try await driver.unrescue(request) }
    }

    /// Copies the root disk; a copy that is to end and goes on is cancelled, and with it its file is removed.
    func snapshot(
        _ request: SnapshotRequest, interruptedBy token: InterruptionToken
    ) async throws -> SnapshotResult {
        let instance = request.instance
        let driver = try guestFacet((any SnapshottingDriver).self, .snapshot, instance)
        let cut = Cut()
        return try await call(
            .snapshot, on: instance.id, isRepeatable: false, interruptedBy: token, yieldingTo: .cancelled,
            unblock: {
                cut.make()
                return token.reason == .superseded ? await unblock(instance) : false
            }
        ) { try await cut.ending { try await driver.snapshot(request) } }
    }

    /// Ends what a snapshot has left that was begun before a restart.
    func discardSnapshot(of instance: Instance) async throws {
        let driver = try guestFacet((any SnapshottingDriver).self, .snapshot, instance)
        try await call(.snapshot, on: instance.id, isRepeatable: false) {
            try await driver.discardSnapshot(of: instance)
        }
    }

    /// Puts a new root disk under the guest, by a driver that has a way of its own for it.
    func rebuild(_ request: SpawnRequest, interruptedBy token: InterruptionToken) async throws {
        let driver = try guestFacet((any RebuildingDriver).self, .rebuild, request.instance)
        try await changing(.rebuild, request.instance, token, isRepeatable: false) {
            try await driver.rebuild(request)
        }
    }

    func setAdminPassword(
        _ password: Secret<String>, of instance: Instance, interruptedBy token: InterruptionToken
    ) async throws {
        let driver = try guestFacet((any PasswordSettingDriver).self, .setAdminPassword, instance)
        try await changing(.setAdminPassword, instance, token, isRepeatable: false) {
            try await driver.setAdminPassword(password, of: instance)
        }
    }

    func injectFile(
        _ file: Secret<InjectedFile>, into instance: Instance, interruptedBy token: InterruptionToken
    ) async throws {
        let driver = try guestFacet((any FileInjectingDriver).self, .injectFile, instance)
        try await changing(.injectFile, instance, token) { try await driver.injectFile(file, into: instance) }
    }

    /// Nova asks every driver; one that has nothing to tell its guests does nothing.
    func changeMetadata(
        of instance: Instance, _ changes: [MetadataChange], interruptedBy token: InterruptionToken
    ) async throws {
        guard let driver = driver as? any MetadataChangingDriver else { return }
        try await changing(.changeMetadata, instance, token) {
            try await driver.changeMetadata(of: instance, changes)
        }
    }

    private func guestFacet<Facet>(
        _: Facet.Type, _ operation: DriverOperation, _ instance: Instance
    ) throws(ComputeFault) -> Facet {
        guard let facet = driver as? Facet else { throw driver.unsupported(operation, instance: instance.id) }
        return facet
    }

    /// A call that a delete frees by destroying the guest, where it goes on too long.
    private func changing<Output: Sendable>(
        _ operation: DriverOperation, _ instance: Instance, _ token: InterruptionToken, isRepeatable: Bool = true,
        _ body: @escaping @Sendable () async throws -> Output
    ) async throws -> Output {
        try await call(
            operation, on: instance.id, isRepeatable: isRepeatable, interruptedBy: token,
            unblock: { token.reason == .superseded ? await unblock(instance) : false }, body)
    }
}
