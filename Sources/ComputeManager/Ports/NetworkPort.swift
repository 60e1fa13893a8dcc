// SPDX-License-Identifier: Apache-2.0

public import ComputeModel

/// Who gives instances their network: nova-network in a Folsom deployment, or nobody.
///
/// Network information is nova's list of interfaces (`id`, `address`, `network` with its `subnets` and `ips`).
public protocol NetworkPort: Sendable {
    /// Gives an instance its addresses. Not idempotent: after an interruption ask ``networkInfo(of:context:)`` first.
    /// Nova-network: `allocate_for_instance`.
    func allocate(
        for instance: Instance, requested networks: [JSONValue], context: RequestContext
    ) async throws -> [JSONValue]

    /// What an instance has; empty for nothing. Nova-network: `get_instance_nw_info`.
    func networkInfo(of instance: Instance, context: RequestContext) async throws -> [JSONValue]

    /// Takes all of it back; success if there is nothing. Nova-network: `deallocate_for_instance`.
    func deallocate(for instance: Instance, context: RequestContext) async throws

    /// Nova-network: `add_fixed_ip_to_instance`.
    func addFixedIP(to instance: Instance, networkID: JSONValue, context: RequestContext) async throws

    /// Nova-network: `remove_fixed_ip_from_instance`.
    func removeFixedIP(_ address: String, from instance: Instance, context: RequestContext) async throws

    /// Has the network made on a host, or taken down there; idempotent. Nova-network: `setup_networks_on_host`.
    func setUpNetworks(
        of instance: Instance, on host: String, teardown: Bool, context: RequestContext
    ) async throws
}

/// No networks: instances have no interfaces, and asking for some is refused.
public struct NoNetwork: NetworkPort, AnsweredHere {
    public init() {}

    public func allocate(
        for instance: Instance, requested networks: [JSONValue], context: RequestContext
    ) async throws -> [JSONValue] { [] }

    public func networkInfo(of instance: Instance, context: RequestContext) async throws -> [JSONValue] { [] }

    public func deallocate(for instance: Instance, context: RequestContext) async throws {}

    public func addFixedIP(to instance: Instance, networkID: JSONValue, context: RequestContext) async throws {
        throw Self.refusal(instance)
    }

    public func removeFixedIP(_ address: String, from instance: Instance, context: RequestContext) async throws {
        throw Self.refusal(instance)
    }

    public func setUpNetworks(
        of instance: Instance, on host: String, teardown: Bool, context: RequestContext
    ) async throws {}

    private static func refusal(_ instance: Instance) -> ComputeFault {
        .invalid(
            "This worker has no network service; set network_api to have one that gives addresses.",
            instance: instance.id)
    }
}
