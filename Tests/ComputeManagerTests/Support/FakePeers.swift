// SPDX-License-Identifier: Apache-2.0

import ComputeDriver
import ComputeManager
import ComputeModel
import Synchronization

/// Network, volumes and console tokens in memory, which note what they are asked and answer as they are told to.
final class FakePeers: NetworkPort, VolumePort, ConsoleTokenPort {
    enum Behaviour: Sendable {
        case fault(ComputeFault)
        /// Does what is asked and never says so.
        case silent
        /// Does nothing and never says so.
        case deaf
    }

    static let address: JSONValue = [
        "id": "vif-1", "address": "02:00:00:00:00:01",
        "network": [
            "label": "private",
            "subnets": [["cidr": "192.0.2.0/24", "ips": [["address": "192.0.2.7", "version": 4, "type": "fixed"]]]],
        ],
    ]

    private struct State {
        var calls: [String] = []
        var behaviours: [String: Behaviour] = [:]
        var addressed: Set<InstanceID> = []
        var holders: [String: InstanceID] = [:]
        var connected: Set<String> = []
        var waiting: [String] = []
    }

    private let state = Mutex(State())

    var peers: Peers { Peers(network: self, volumes: self, consoleTokens: self, computes: NoComputes()) }

    /// What was asked, in order: `method` or `method volume`.
    var calls: [String] { state.withLock { $0.calls } }
    var addressed: Set<InstanceID> { state.withLock { $0.addressed } }
    var holders: [String: InstanceID] { state.withLock { $0.holders } }
    var connected: Set<String> { state.withLock { $0.connected } }

    func set(_ method: String, _ behaviour: Behaviour?) { state.withLock { $0.behaviours[method] = behaviour } }

    func hold(_ volume: String, by id: InstanceID) { state.withLock { $0.holders[volume] = id } }

    private func ask<Value: Sendable>(
        _ method: String, _ volume: String? = nil, _ body: (inout State) throws -> Value
    ) async throws -> Value {
        let behaviour = state.withLock { state in
            state.calls.append(volume.map { "\(method) \($0)" } ?? method)
            return state.behaviours[method]
        }
        switch behaviour {
        case .fault(let fault)?: throw fault
        case nil: return try state.withLock { try body(&$0) }
        case .silent?: _ = try state.withLock { try body(&$0) }
        case .deaf?: break
        }
        let (stream, continuation) = AsyncStream<Never>.makeStream()
        defer { continuation.finish() }
        for await _ in stream {}
        throw CancellationError()
    }

    func allocate(
        for instance: Instance, requested networks: [JSONValue], context: RequestContext
    ) async throws -> [JSONValue] {
        try await ask("allocate_for_instance") {
            $0.addressed.insert(instance.id)
            return [Self.address]
        }
    }

    func networkInfo(of instance: Instance, context: RequestContext) async throws -> [JSONValue] {
        try await ask("get_instance_nw_info") { $0.addressed.contains(instance.id) ? [Self.address] : [] }
    }

    func deallocate(for instance: Instance, context: RequestContext) async throws {
        try await ask("deallocate_for_instance") { _ = $0.addressed.remove(instance.id) }
    }

    func addFixedIP(to instance: Instance, networkID: JSONValue, context: RequestContext) async throws {
        try await ask("add_fixed_ip_to_instance") { _ = $0.addressed.insert(instance.id) }
    }

    func removeFixedIP(_ address: String, from instance: Instance, context: RequestContext) async throws {
        try await ask("remove_fixed_ip_from_instance") { _ = $0.addressed.remove(instance.id) }
    }

    func setUpNetworks(
        of instance: Instance, on host: String, teardown: Bool, context: RequestContext
    ) async throws {
        try await ask("setup_networks_on_host") { _ in }
    }

    func initializeConnection(
        _ volumeID: String, for instance: InstanceID, connector: VolumeConnector, context: RequestContext
    ) async throws -> Secret<JSONObject> {
        try await ask("initialize_connection", volumeID) {
            if let holder = $0.holders[volumeID], holder != instance {
                throw ComputeFault.invalid("Volume \(volumeID) is another's.")
            }
            $0.connected.insert(volumeID)
            return Secret(["driver_volume_type": "iscsi", "data": ["auth_password": "CHAP-CANARY"]])
        }
    }

    func attach(_ volumeID: String, to instance: Instance, deviceName: String, context: RequestContext) async throws {
        try await ask("attach_volume", volumeID) { state in
            if let holder = state.holders[volumeID], holder != instance.id {
                throw ComputeFault.invalid("Volume \(volumeID) is another's.")
            }
            state.holders[volumeID] = instance.id
        }
    }

    func detach(_ volumeID: String, from instance: InstanceID, context: RequestContext) async throws {
        try await ask("detach_volume", volumeID) { $0.holders[volumeID] = nil }
    }

    func terminateConnection(
        _ volumeID: String, of instance: InstanceID, connector: VolumeConnector, context: RequestContext
    ) async throws {
        try await ask("terminate_connection", volumeID) { _ = $0.connected.remove(volumeID) }
    }

    func delete(_ volumeID: String, context: RequestContext) async throws {
        try await ask("delete_volume", volumeID) { _ in }
    }

    func deleteTokens(of instance: InstanceID, context: RequestContext) async throws {
        try await ask("delete_tokens_for_instance") { _ in }
    }
}

/// The fake hypervisor with a connector for volumes, which notes what its guests are built with.
struct ConnectedDriver: VolumeAttachingDriver {
    static let name = DriverName(rawValue: "connected.ConnectedDriver")
    static let caveats: [DriverOperation: String] = [:]
    static let acceptedSpawnArguments = Set(SpawnArgument.allCases)
    static let needsImage = false

    final class Notes: Sendable {
        private let requests = Mutex<[SpawnRequest]>([])
        var all: [SpawnRequest] { requests.withLock { $0 } }
        fileprivate func add(_ request: SpawnRequest) { requests.withLock { $0.append(request) } }
    }

    let plain: PlainDriver
    let notes = Notes()

    func start() async throws { try await plain.start() }
    func run() async throws { try await plain.run() }
    func summary() async -> String { await plain.summary() }
    func instances() async throws -> [InstanceSummary] { try await plain.instances() }
    func info(_ instance: InstanceID) async throws -> InstanceInfo { try await plain.info(instance) }
    func destroy(_ instance: Instance) async throws { try await plain.destroy(instance) }
    func reboot(_ request: RebootRequest) async throws { try await plain.reboot(request) }
    func hostResources() async throws -> HostResources { try await plain.hostResources() }

    func spawn(_ request: SpawnRequest) async throws {
        notes.add(request)
        try await plain.spawn(request)
    }

    func volumeConnector(for instance: Instance) async throws -> VolumeConnector {
        VolumeConnector(ip: "192.0.2.10", initiator: nil, host: "compute1")
    }

    func attachVolume(_ device: BlockDevice, to instance: Instance) async throws {}
    func detachVolume(_ device: BlockDevice, from instance: Instance) async throws {}
}
