// SPDX-License-Identifier: Apache-2.0

internal import ComputeDriver
internal import ComputeModel

extension DriverGateway {
    /// What this host is to the storage of volumes.
    func volumeConnector(for instance: Instance) async throws -> VolumeConnector {
        guard let driver = driver as? any VolumeAttachingDriver else {
            throw driver.unsupported(.volumeConnector, instance: instance.id)
        }
        return try await call(.volumeConnector, on: instance.id) { try await driver.volumeConnector(for: instance) }
    }
}
