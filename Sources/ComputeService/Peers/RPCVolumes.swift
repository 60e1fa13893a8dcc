// SPDX-License-Identifier: Apache-2.0

internal import ComputeDriver
internal import ComputeManager
internal import ComputeModel
internal import OsloMessaging

/// Nova-volume, asked as Folsom's nova-compute asks it.
///
/// Folsom reads from its database on which host a volume is. A worker has none and asks the host that the operator
/// names; where none is named, any one that serves the topic, which is right where there is one.
struct RPCVolumes: VolumePort {
    let client: PeerClient
    let topic: String
    let host: String?

    func initializeConnection(
        _ volumeID: String, for instance: InstanceID, connector: VolumeConnector, context: RequestContext
    ) async throws -> Secret<JSONObject> {
        let answer = try await ask(
            "initialize_connection", ["volume_id": .string(volumeID), "connector": connector.json], context)
        guard case .object(let connection) = answer else {
            throw ComputeFault(
                .internalError,
                "The volume service answered initialize_connection with \(answer.kindName), not with an object.")
        }
        return Secret(connection)
    }

    func attach(
        _ volumeID: String, to instance: Instance, deviceName: String, context: RequestContext
    ) async throws {
        try await ask(
            "attach_volume",
            [
                "volume_id": .string(volumeID), "instance_uuid": .string(instance.id.description),
                "mountpoint": .string(deviceName),
            ], context)
    }

    func detach(_ volumeID: String, from instance: InstanceID, context: RequestContext) async throws {
        try await ask("detach_volume", ["volume_id": .string(volumeID)], context)
    }

    func terminateConnection(
        _ volumeID: String, of instance: InstanceID, connector: VolumeConnector, context: RequestContext
    ) async throws {
        try await ask(
            "terminate_connection", ["volume_id": .string(volumeID), "connector": connector.json], context)
    }

    func delete(_ volumeID: String, context: RequestContext) async throws {
        try await client.cast(.volumes, target, "delete_volume", ["volume_id": .string(volumeID)], context)
    }

    private var target: RPCTarget {
        host.map { .server(topic: topic, server: $0) } ?? .any(topic: topic)
    }

    @discardableResult
    private func ask(
        _ method: String, _ arguments: JSONObject, _ context: RequestContext
    ) async throws -> JSONValue {
        try await client.call(.volumes, target, method, arguments, context)
    }
}
