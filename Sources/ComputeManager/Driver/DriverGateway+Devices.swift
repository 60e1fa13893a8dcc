// SPDX-License-Identifier: Apache-2.0

internal import ComputeDriver
internal import ComputeModel

/// Calls about what is plugged into a guest; each is refused where the driver's type lacks its facet.
extension DriverGateway {
    func attachVolume(
        _ device: BlockDevice, to instance: Instance, interruptedBy token: InterruptionToken
    ) async throws {
        let driver = try deviceFacet((any VolumeAttachingDriver).self, .attachVolume, instance)
        try await plugging(.attachVolume, instance, token) { try await driver.attachVolume(device, to: instance) }
    }

    func detachVolume(
        _ device: BlockDevice, from instance: Instance, interruptedBy token: InterruptionToken
    ) async throws {
        let driver = try deviceFacet((any VolumeAttachingDriver).self, .detachVolume, instance)
        try await plugging(.detachVolume, instance, token) { try await driver.detachVolume(device, from: instance) }
    }

    /// The name that the guest's next device gets; nil from a driver that leaves names to nova's rule.
    func nextDeviceName(for instance: Instance, taken: Set<String>) async throws -> String? {
        guard let driver = driver as? any DeviceNamingDriver else { return nil }
        return try await call(.nextDeviceName, on: instance.id) {
            try await driver.nextDeviceName(for: instance, taken: taken)
        }
    }

    /// Nova asks every driver; one that has no way to tell its guests does nothing.
    func injectNetworkInfo(_ guest: GuestRequest, interruptedBy token: InterruptionToken) async throws {
        guard let driver = driver as? any NetworkInjectingDriver else { return }
        try await plugging(.injectNetworkInfo, guest.instance, token) { try await driver.injectNetworkInfo(guest) }
    }

    /// Nova asks every driver; one that has no way to ask its guests does nothing.
    func resetNetwork(_ instance: Instance, interruptedBy token: InterruptionToken) async throws {
        guard let driver = driver as? any NetworkInjectingDriver else { return }
        try await plugging(.resetNetwork, instance, token) { try await driver.resetNetwork(instance) }
    }

    private func deviceFacet<Facet>(
        _: Facet.Type, _ operation: DriverOperation, _ instance: Instance
    ) throws(ComputeFault) -> Facet {
        guard let facet = driver as? Facet else { throw driver.unsupported(operation, instance: instance.id) }
        return facet
    }

    /// A call that a delete frees by destroying the guest, where it goes on too long; all of them may be repeated.
    private func plugging(
        _ operation: DriverOperation, _ instance: Instance, _ token: InterruptionToken,
        _ body: @escaping @Sendable () async throws -> Void
    ) async throws {
        try await call(
            operation, on: instance.id, interruptedBy: token,
            unblock: { token.reason == .superseded ? await unblock(instance) : false }, body)
    }
}
