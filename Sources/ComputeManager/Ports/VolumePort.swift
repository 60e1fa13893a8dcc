// SPDX-License-Identifier: Apache-2.0

public import ComputeDriver
public import ComputeModel

/// Who has the volumes: nova-volume in a Folsom deployment, files of this host, or nobody.
public protocol VolumePort: Sendable {
    /// How this host reaches the volume (nova's `connection_info`); idempotent for one connector.
    ///
    /// - Parameter instance: for whom; who knows that another has the volume refuses it here, before it is plugged in.
    func initializeConnection(
        _ volumeID: String, for instance: InstanceID, connector: VolumeConnector, context: RequestContext
    ) async throws -> Secret<JSONObject>

    /// Says that the instance has it now; idempotent.
    func attach(
        _ volumeID: String, to instance: Instance, deviceName: String, context: RequestContext
    ) async throws

    /// Says that the instance has it no more; idempotent.
    func detach(_ volumeID: String, from instance: InstanceID, context: RequestContext) async throws

    /// Ends what ``initializeConnection(_:for:connector:context:)`` began; idempotent.
    func terminateConnection(
        _ volumeID: String, of instance: InstanceID, connector: VolumeConnector, context: RequestContext
    ) async throws

    /// Has the volume deleted some time; nobody answers.
    func delete(_ volumeID: String, context: RequestContext) async throws
}

/// No volumes: asking for one is refused.
public struct NoVolumes: VolumePort, AnsweredHere {
    public init() {}

    public func initializeConnection(
        _ volumeID: String, for instance: InstanceID, connector: VolumeConnector, context: RequestContext
    ) async throws -> Secret<JSONObject> { throw Self.refusal(volumeID) }

    public func attach(
        _ volumeID: String, to instance: Instance, deviceName: String, context: RequestContext
    ) async throws { throw Self.refusal(volumeID) }

    public func detach(_ volumeID: String, from instance: InstanceID, context: RequestContext) async throws {}

    public func terminateConnection(
        _ volumeID: String, of instance: InstanceID, connector: VolumeConnector, context: RequestContext
    ) async throws {}

    public func delete(_ volumeID: String, context: RequestContext) async throws {}

    private static func refusal(_ volumeID: String) -> ComputeFault {
        ComputeFault(
            .volumeNotFound, "This worker has no volume service; set volume_api to have one.",
            arguments: ["volume_id": .string(volumeID)])
    }
}
