// SPDX-License-Identifier: Apache-2.0

internal import ComputeDriver
internal import ComputeManager
internal import ComputeModel

/// The services that a worker asks: they give addresses and volumes, keep their books longer than a worker lives, and
/// answer late, twice or never.
///
/// @unchecked Sendable because only the thread of the simulation touches it.
final class SimulatedPeers: @unchecked Sendable {
    private let hypervisor: SimulatedHypervisor
    private var books: PeerBooks { hypervisor.world.peers }
    private var isDead = false

    init(hypervisor: SimulatedHypervisor) { self.hypervisor = hypervisor }

    /// The worker dies: nobody hears the answers any more.
    func die() { isDead = true }

    var ports: Peers { Peers(network: self, volumes: self, consoleTokens: self, computes: self) }

    /// A call: a wait on the way there and one on the way back, each of which may end in a fault.
    private func ask<Answer>(
        _ method: String, _ instance: Instance?, _ body: () throws -> Answer
    ) async throws -> Answer {
        let mark = instance?.fields["display_name"]?.string
        try await wait(method, instance?.id, mark, isAfterEffect: false)
        let answer = try body()
        hypervisor.world.note("service \(method) \(instance.map { "\($0.id)" } ?? "")")
        try await wait(method, instance?.id, mark, isAfterEffect: true)
        return answer
    }

    private func wait(_ method: String, _ id: InstanceID?, _ mark: String?, isAfterEffect: Bool) async throws {
        guard !isDead else { throw CancellationError() }
        let fault = await hypervisor.wait(
            method, id, wish: Wish.number(ofMark: mark), isAfterEffect: isAfterEffect, isPeers: true)
        guard !isDead, !Task.isCancelled else { throw CancellationError() }
        if let fault { throw fault }
    }
}

/// What the services know.
///
/// @unchecked Sendable because only the thread of the simulation touches it.
final class PeerBooks: @unchecked Sendable {
    /// The addresses that instances have.
    var addresses: [InstanceID: [JSONValue]] = [:]
    /// Which instance has a volume.
    var volumes: [String: InstanceID] = [:]

    static func interface(_ addresses: [Int]) -> JSONValue {
        [
            "id": "vif", "address": "fa:16:3e:00:00:01", "meta": [:],
            "network": [
                "id": "net", "label": "private", "bridge": "br100", "meta": [:],
                "subnets": [
                    [
                        "cidr": "10.0.0.0/24", "version": 4, "dns": [], "routes": [], "meta": [:],
                        "ips": .array(
                            addresses.map {
                                [
                                    "address": .string("10.0.0.\($0)"), "version": 4, "type": "fixed", "meta": [:],
                                    "floating_ips": [],
                                ]
                            }),
                    ]
                ],
            ],
        ]
    }
}

extension SimulatedPeers: NetworkPort {
    func allocate(
        for instance: Instance, requested networks: [JSONValue], context: RequestContext
    ) async throws -> [JSONValue] {
        try await ask("allocate_for_instance", instance) {
            if books.addresses[instance.id] != nil, !hypervisor.world.ledger.isExcused(instance.id) {
                hypervisor.world.violate(.builtOnce, "\(instance.id) was given addresses twice")
            }
            let given = [PeerBooks.interface([2])]
            books.addresses[instance.id] = given
            return given
        }
    }

    func networkInfo(of instance: Instance, context: RequestContext) async throws -> [JSONValue] {
        try await ask("get_instance_nw_info", instance) { books.addresses[instance.id] ?? [] }
    }

    func deallocate(for instance: Instance, context: RequestContext) async throws {
        try await ask("deallocate_for_instance", instance) { books.addresses[instance.id] = nil }
    }

    func addFixedIP(to instance: Instance, networkID: JSONValue, context: RequestContext) async throws {
        try await ask("add_fixed_ip_to_instance", instance) {
            books.addresses[instance.id] = [PeerBooks.interface([2, 3])]
        }
    }

    func removeFixedIP(_ address: String, from instance: Instance, context: RequestContext) async throws {
        try await ask("remove_fixed_ip_from_instance", instance) {
            books.addresses[instance.id] = [PeerBooks.interface([2])]
        }
    }

    func setUpNetworks(
        of instance: Instance, on host: String, teardown: Bool, context: RequestContext
    ) async throws {
        try await ask("setup_networks_on_host", instance) {}
    }
}

extension SimulatedPeers: VolumePort {
    func initializeConnection(
        _ volumeID: String, connector: VolumeConnector, context: RequestContext
    ) async throws -> Secret<JSONObject> {
        try await ask("initialize_connection", nil) {
            Secret(["driver_volume_type": "local", "data": ["device_path": .string("/dev/\(volumeID)")]])
        }
    }

    func attach(
        _ volumeID: String, to instance: Instance, deviceName: String, context: RequestContext
    ) async throws {
        try await ask("attach_volume", instance) {
            guard books.volumes[volumeID] == nil || books.volumes[volumeID] == instance.id else {
                throw ComputeFault.invalid("The volume is another instance's.", instance: instance.id)
            }
            books.volumes[volumeID] = instance.id
        }
    }

    func detach(_ volumeID: String, context: RequestContext) async throws {
        try await ask("detach_volume", nil) { books.volumes[volumeID] = nil }
    }

    func terminateConnection(_ volumeID: String, connector: VolumeConnector, context: RequestContext) async throws {
        try await ask("terminate_connection", nil) {}
    }

    func delete(_ volumeID: String, context: RequestContext) async throws {
        try await ask("delete_volume", nil) { books.volumes[volumeID] = nil }
    }
}

extension SimulatedPeers: ConsoleTokenPort {
    func deleteTokens(of instance: InstanceID, context: RequestContext) async throws {
        try await ask("delete_tokens_for_instance", nil) {}
    }
}

extension SimulatedPeers: ComputePort {
    func call(
        host: String, method: String, version: String, arguments: JSONObject, context: RequestContext
    ) async throws -> JSONValue {
        try await ask(method, nil) { .null }
    }
}
