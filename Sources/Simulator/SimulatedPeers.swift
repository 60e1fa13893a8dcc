// SPDX-License-Identifier: Apache-2.0

internal import ComputeDriver
internal import ComputeManager
internal import ComputeModel

/// The services that a worker asks: they give addresses and volumes, keep their books longer than a worker lives, and
/// answer late, refuse, or say nothing; what nobody waits for any more they may do all the same.
///
/// @unchecked Sendable because only the thread of the simulation touches it.
final class SimulatedPeers: @unchecked Sendable {
    private let hypervisor: SimulatedHypervisor
    private var world: World { hypervisor.world }
    private var books: PeerBooks { hypervisor.world.peers }
    private var isDead = false
    /// What was asked and not done yet, in the order in which it was asked.
    private var underWay: [(number: Int, request: PeerBooks.Late)] = []
    private var numbers = 0

    init(hypervisor: SimulatedHypervisor) { self.hypervisor = hypervisor }

    /// The worker dies: nobody hears the answers any more, and what was sent may still be done.
    func die() {
        isDead = true
        for (_, request) in underWay { mayComeLate(request) }
        underWay = []
    }

    var ports: Peers { Peers(network: self, volumes: self, consoleTokens: self, computes: self) }

    private func mayComeLate(_ request: PeerBooks.Late) {
        guard world.faults.has(.serviceLate), world.dice.chance(50) else { return }
        world.faults.spend(.serviceLate)
        books.late.append(request)
    }

    /// A call: a wait on the way there and one on the way back, each of which may end in a fault.
    private func ask<Answer>(
        _ method: String, _ instance: InstanceID?, _ context: RequestContext,
        _ body: @escaping (_ asker: Wish?) throws -> Answer
    ) async throws -> Answer {
        guard !isDead else { throw CancellationError() }
        let wish = world.ledger.wishes.first { $0.requestID == context.requestID }
        let instance = instance ?? wish?.instance
        numbers += 1
        let number = numbers
        let request = PeerBooks.Late(method: method, instance: instance) { _ = try? body(wish) }
        underWay.append((number, request))
        let early = await hypervisor.wait(method, instance, wish: wish?.number, isAfterEffect: false, kind: .service)
        underWay.removeAll { $0.number == number }
        guard !isDead else { throw CancellationError() }
        if Task.isCancelled {
            mayComeLate(request)
            throw CancellationError()
        }
        if let early { throw early }
        // A service takes one request after the other: what came before is done first.
        books.catchUp(world)
        let answer = try body(wish)
        world.note("service \(method) \(instance.map { "\($0)" } ?? "")")
        let lost = await hypervisor.wait(method, instance, wish: wish?.number, isAfterEffect: true, kind: .service)
        guard !isDead, !Task.isCancelled else { throw CancellationError() }
        if let lost { throw lost }
        return answer
    }
}

extension SimulatedPeers: NetworkPort {
    func allocate(
        for instance: Instance, requested networks: [JSONValue], context: RequestContext
    ) async throws -> [JSONValue] {
        let id = instance.id
        return try await ask("allocate_for_instance", id, context) { [world, books] _ in
            let isElsewhere = books.others.contains(id) || books.arrived.contains(id)
            if books.addresses[id] != nil, !isElsewhere, !world.ledger.isExcused(id) {
                world.violate(.servicesInStep, "\(id) was given addresses twice")
            }
            let given = [PeerBooks.interface([2])]
            books.addresses[id] = given
            return given
        }
    }

    func networkInfo(of instance: Instance, context: RequestContext) async throws -> [JSONValue] {
        let id = instance.id
        return try await ask("get_instance_nw_info", id, context) { [books] _ in books.addresses[id] ?? [] }
    }

    func deallocate(for instance: Instance, context: RequestContext) async throws {
        let id = instance.id
        try await ask("deallocate_for_instance", id, context) { [books] _ in books.addresses[id] = nil }
    }

    func addFixedIP(to instance: Instance, networkID: JSONValue, context: RequestContext) async throws {
        try await setAddresses("add_fixed_ip_to_instance", instance.id, context, [2, 3])
    }

    func removeFixedIP(_ address: String, from instance: Instance, context: RequestContext) async throws {
        try await setAddresses("remove_fixed_ip_from_instance", instance.id, context, [2])
    }

    private func setAddresses(
        _ method: String, _ id: InstanceID, _ context: RequestContext, _ addresses: [Int]
    ) async throws {
        try await ask(method, id, context) { [books] _ in
            guard books.addresses[id] != nil else {
                throw ComputeFault(.networkNotFound, "The instance has no network.", instance: id)
            }
            books.addresses[id] = [PeerBooks.interface(addresses)]
        }
    }

    func setUpNetworks(
        of instance: Instance, on host: String, teardown: Bool, context: RequestContext
    ) async throws {
        try await ask("setup_networks_on_host", instance.id, context) { _ in }
    }
}

extension SimulatedPeers: VolumePort {
    func initializeConnection(
        _ volumeID: String, for instance: InstanceID, connector: VolumeConnector, context: RequestContext
    ) async throws -> Secret<JSONObject> {
        try await ask("initialize_connection", nil, context) { _ in
            Secret(["driver_volume_type": "local", "data": ["device_path": .string("/dev/\(volumeID)")]])
        }
    }

    func attach(
        _ volumeID: String, to instance: Instance, deviceName: String, context: RequestContext
    ) async throws {
        let id = instance.id
        try await ask("attach_volume", id, context) { [books] _ in
            guard books.volumes[volumeID] == nil || books.volumes[volumeID] == id else {
                throw ComputeFault.invalid("The volume is another instance's.", instance: id)
            }
            books.volumes[volumeID] = id
        }
    }

    func detach(_ volumeID: String, from instance: InstanceID, context: RequestContext) async throws {
        try await ask("detach_volume", nil, context) { [books, world] asker in
            if let holder = books.volumes[volumeID], let asker, asker.instance != holder {
                world.violate(.servicesInStep, "wish \(asker.number) took volume \(volumeID) from \(holder)")
            }
            books.volumes[volumeID] = nil
        }
    }

    func terminateConnection(
        _ volumeID: String, of instance: InstanceID, connector: VolumeConnector, context: RequestContext
    ) async throws {
        try await ask("terminate_connection", nil, context) { _ in }
    }

    func delete(_ volumeID: String, context: RequestContext) async throws {
        try await ask("delete_volume", nil, context) { [books, world] _ in
            guard let holder = books.volumes[volumeID] else { return }
            world.violate(.servicesInStep, "volume \(volumeID) is to be deleted while \(holder) has it")
        }
    }
}

extension SimulatedPeers: ConsoleTokenPort {
    func deleteTokens(of instance: InstanceID, context: RequestContext) async throws {
        try await ask("delete_tokens_for_instance", instance, context) { _ in }
    }
}

extension SimulatedPeers: ComputePort {
    /// The other host says yes; it takes a guest over that has come, and no other.
    func call(
        host: String, method: String, version: String, arguments: JSONObject, context: RequestContext
    ) async throws -> JSONValue {
        let id = arguments["instance"]?["uuid"]?.string.flatMap { InstanceID($0) }
        return try await ask(method, id, context) { [books] _ in
            switch method {
            case "check_can_live_migrate_source": return arguments["dest_check_data"] ?? .null
            case "post_live_migration_at_destination":
                guard let id, books.arrived.contains(id) else {
                    throw ComputeFault(.instanceNotFound, "The guest is not on \(host).", instance: id)
                }
                books.told.insert(id)
                return .null
            default: return .null
            }
        }
    }
}
