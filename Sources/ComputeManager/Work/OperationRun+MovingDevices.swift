// SPDX-License-Identifier: Apache-2.0

internal import ComputeDriver
internal import ComputeModel
internal import WorkerStore

/// An instance's volumes and network while it moves; all of it is idempotent.
extension OperationRun {
    /// What the network service says that the instance has; nil where there is no such service.
    func currentNetwork(of instance: Instance) async throws -> [JSONValue]? {
        if services.peers.network is NoNetwork { return nil }
        return try await peers.network.networkInfo(of: instance, context: request.context)
    }

    /// Has the instance's network made on a host, or taken down there, then asks what the instance has.
    func setUpNetwork(
        on host: String, teardown: Bool = false, of instance: Instance
    ) async throws -> [JSONValue]? {
        try await peers.network.setUpNetworks(
            of: instance, on: host, teardown: teardown, context: request.context)
        return try await currentNetwork(of: instance)
    }

    /// The instance's volumes with the ways from this host to them, asked for anew.
    func connectVolumes() async throws -> BlockDevices {
        guard let row else { return BlockDevices() }
        var devices = BlockDevices(row)
        for index in devices.elements.indices {
            guard let volumeID = devices.elements[index].volumeID, devices.elements[index].state == .attached else {
                continue
            }
            let connector = try await driver.volumeConnector(for: row.instance)
            devices.elements[index].connection = try await peers.volumes.initializeConnection(
                volumeID, for: row.id, connector: connector, context: request.context)
        }
        return devices
    }

    /// Ends this host's connections to the instance's volumes.
    func disconnectVolumes() async throws {
        guard let row else { return }
        for element in BlockDevices(row).elements {
            guard let volumeID = element.volumeID, element.state == .attached else { continue }
            let connector = try await driver.volumeConnector(for: row.instance)
            try await peers.volumes.terminateConnection(
                volumeID, of: row.id, connector: connector, context: request.context)
        }
    }
}
