// SPDX-License-Identifier: Apache-2.0

internal import ComputeManager
internal import ComputeModel
internal import OsloMessaging

/// Nova-network, asked as Folsom's nova-compute asks it: calls without a version to any one that serves the topic.
struct RPCNetwork: NetworkPort {
    let client: PeerClient
    let topic: String

    func allocate(
        for instance: Instance, requested networks: [JSONValue], context: RequestContext
    ) async throws -> [JSONValue] {
        try await list(
            "allocate_for_instance",
            [
                "vpn": false, "requested_networks": networks.isEmpty ? nil : .array(networks),
                "instance_id": instance.number, "instance_uuid": .string(instance.id.description),
                "project_id": JSONValue(instance.projectID), "host": JSONValue(instance.host),
                "rxtx_factor": instance.rxtxFactor,
            ], context)
    }

    func networkInfo(of instance: Instance, context: RequestContext) async throws -> [JSONValue] {
        try await list(
            "get_instance_nw_info",
            [
                "instance_id": instance.number, "instance_uuid": .string(instance.id.description),
                "rxtx_factor": instance.rxtxFactor, "host": JSONValue(instance.host),
                "project_id": JSONValue(instance.projectID),
            ], context)
    }

    func deallocate(for instance: Instance, context: RequestContext) async throws {
        try await ask(
            "deallocate_for_instance",
            [
                "instance_id": instance.number, "project_id": JSONValue(instance.projectID),
                "host": JSONValue(instance.host),
            ], context)
    }

    func addFixedIP(to instance: Instance, networkID: JSONValue, context: RequestContext) async throws {
        try await ask(
            "add_fixed_ip_to_instance",
            ["instance_id": instance.number, "host": JSONValue(instance.host), "network_id": networkID], context)
    }

    func removeFixedIP(_ address: String, from instance: Instance, context: RequestContext) async throws {
        try await ask(
            "remove_fixed_ip_from_instance",
            ["instance_id": instance.number, "host": JSONValue(instance.host), "address": .string(address)], context)
    }

    func setUpNetworks(
        of instance: Instance, on host: String, teardown: Bool, context: RequestContext
    ) async throws {
        try await ask(
            "setup_networks_on_host",
            ["instance_id": instance.number, "host": .string(host), "teardown": .bool(teardown)], context)
    }

    @discardableResult
    private func ask(
        _ method: String, _ arguments: JSONObject, _ context: RequestContext
    ) async throws -> JSONValue {
        try await client.call(.network, .any(topic: topic), method, arguments, context)
    }

    private func list(
        _ method: String, _ arguments: JSONObject, _ context: RequestContext
    ) async throws -> [JSONValue] {
        switch try await ask(method, arguments, context) {
        case .array(let interfaces): return interfaces
        case .null: return []
        case let other:
            throw ComputeFault(
                .internalError, "The network service answered \(method) with \(other.kindName), not with a list.")
        }
    }
}

extension Instance {
    /// The number by which nova's database knows it.
    fileprivate var number: JSONValue { fields["id"] ?? .null }
    fileprivate var rxtxFactor: JSONValue { flavor?["rxtx_factor"] ?? .null }
}
