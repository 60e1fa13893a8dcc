// SPDX-License-Identifier: Apache-2.0

import ComputeDriver
import ComputeModel
@testable import FakeDriver
import Synchronization

/// The guests of several hosts, in memory: what one host's driver hands over the other's finds.
final class TwinCluster: Sendable {
    struct Guest: Sendable, Hashable {
        var powerState = PowerState.running
        var boot: Int?
        var memoryMiB: Int
    }

    struct Host: Sendable {
        var guests: [InstanceID: Guest] = [:]
        /// What a source keeps for a revert.
        var kept: [InstanceID: Guest] = [:]
        /// Disks that came from a source.
        var arrived: Set<InstanceID> = []
        /// What is ready for a guest that is to come alive.
        var prepared: Set<InstanceID> = []

        var isEmpty: Bool { guests.isEmpty && kept.isEmpty && arrived.isEmpty && prepared.isEmpty }
    }

    private struct State {
        var hosts: [String: Host] = [:]
        var boots = 0
    }

    private let state = Mutex(State())

    func change<Output>(
        _ host: String, _ body: (inout Host, _ boot: () -> Int) throws(ComputeFault) -> Output
    ) throws(ComputeFault) -> Output {
        try state.withLock { state throws(ComputeFault) in
            var boots = state.boots
            var hosts = state.hosts[host] ?? Host()
            defer {
                state.boots = boots
                state.hosts[host] = hosts
            }
            return try body(&hosts) {
                boots += 1
                return boots
            }
        }
    }

    /// Whether there is such a host; what goes to another is gone.
    func knows(_ host: String) -> Bool { state.withLock { $0.hosts[host] != nil } }

    subscript(host: String) -> Host { state.withLock { $0.hosts[host] ?? Host() } }

    /// The hosts on which a guest runs.
    func running(_ id: InstanceID) -> [String] {
        state.withLock { state in
            state.hosts.filter { $0.value.guests[id]?.powerState == .running }.map(\.key).sorted()
        }
    }
}

/// One host of a cluster: every facet that a move needs, and faults by plan.
final class TwinDriver: ComputeDriver, PoweringDriver, ResizingDriver, LiveMigrationSourceDriver,
    LiveMigrationTargetDriver, LiveMigrationControllingDriver
{
    static let name = DriverName(rawValue: "twin.TwinDriver")
    static let caveats: [DriverOperation: String] = [:]
    static let acceptedSpawnArguments = Set(SpawnArgument.allCases)
    static let needsImage = false

    let host: String
    let cluster: TwinCluster
    let faults = FaultPlan()
    private let crash: CrashPlan

    init(host: String, cluster: TwinCluster, crash: CrashPlan = CrashPlan()) {
        self.host = host
        self.cluster = cluster
        self.crash = crash
    }

    private func perform<Output>(
        _ operation: DriverOperation, _ body: (inout TwinCluster.Host, () -> Int) throws(ComputeFault) -> Output
    ) async throws -> Output {
        var afterwards: ComputeFault?
        let (host, cluster) = (host, cluster)
        for misbehaviour in faults.next(operation) {
            switch misbehaviour {
            case .fail(let fault): throw fault
            case .failAfterwards(let fault): afterwards = fault
            case .cancelled: throw CancellationError()
            case .delay, .steps, .failMidway: break
            case .hang(let point), .hangMidway(let point): try await point.wait(for: nil)
            }
        }
        let output =
            operation == .info || operation == .liveMigrate
            ? try cluster.change(host, body)
            : try await crash.around(host, operation.rawValue) { try cluster.change(host, body) }
        if let afterwards { throw afterwards }
        return output
    }

    func start() async throws {}
    func run() async throws {}
    func summary() async -> String { "twin" }
    func instances() async throws -> [InstanceSummary] { [] }
    func hostResources() async throws -> HostResources {
        HostResources(
            vcpus: 64, vcpusUsed: 0, memory: .gib(1024), memoryUsed: .zero, disk: .gib(1000), diskUsed: .zero,
            hypervisorType: "twin", hypervisorVersion: 1, hypervisorHostname: host)
    }

    func info(_ instance: InstanceID) async throws -> InstanceInfo {
        try await perform(.info) { host, _ throws(ComputeFault) in
            guard let guest = host.guests[instance] else { throw ComputeFault.instanceNotFound(instance) }
            return InstanceInfo(
                powerState: guest.powerState, maximumMemory: .mib(guest.memoryMiB), memory: .mib(guest.memoryMiB),
                vcpus: 1, cpuTime: .zero,
                bootIdentity: guest.boot.map(String.init))
        }
    }

    func spawn(_ request: SpawnRequest) async throws {
        try await perform(.spawn) { host, boot throws(ComputeFault) in
            host.guests[request.instance.id] = TwinCluster.Guest(boot: boot(), memoryMiB: request.instance.memoryMiB)
        }
    }

    func destroy(_ instance: Instance) async throws {
        try await perform(.destroy) { host, _ throws(ComputeFault) in
            host.guests[instance.id] = nil
            _ = host.arrived.remove(instance.id)
            _ = host.prepared.remove(instance.id)
        }
    }

    func reboot(_ request: RebootRequest) async throws {
        try await perform(.reboot) { host, boot throws(ComputeFault) in
            host.guests[request.instance.id]?.boot = boot()
        }
    }

    func powerOff(_ instance: Instance) async throws {
        try await perform(.powerOff) { host, _ throws(ComputeFault) in
            host.guests[instance.id]?.powerState = .shutdown
            host.guests[instance.id]?.boot = nil
        }
    }

    func powerOn(_ instance: Instance) async throws {
        try await perform(.powerOn) { host, boot throws(ComputeFault) in
            host.guests[instance.id]?.powerState = .running
            host.guests[instance.id]?.boot = boot()
        }
    }

    // MARK: Resizing

    func migrateDiskAndPowerOff(_ request: MigrateDiskRequest) async throws -> DiskTransfer {
        let id = request.instance.id
        let transfer = try await perform(.migrateDiskAndPowerOff) { host, _ throws(ComputeFault) -> DiskTransfer in
            guard let guest = host.guests[id] else { throw ComputeFault.instanceNotFound(id) }
            host.kept[id] = guest
            host.guests[id] = nil
            return DiskTransfer("disks of \(id)")
        }
        try cluster.change(request.migration.destinationHost) { host, _ throws(ComputeFault) in
            _ = host.arrived.insert(id)
        }
        return transfer
    }

    func finishMigration(_ request: FinishMigrationRequest) async throws {
        let id = request.instance.id
        try await perform(.finishMigration) { host, boot throws(ComputeFault) in
            guard host.arrived.contains(id), request.transfer.text == "disks of \(id)" else {
                throw ComputeFault(.hypervisorFailure, "no disks", instance: id)
            }
            host.guests[id] = TwinCluster.Guest(boot: boot(), memoryMiB: request.instance.memoryMiB)
        }
    }

    func confirmMigration(_ request: MigrationRequest) async throws {
        let id = request.instance.id
        try await perform(.confirmMigration) { host, _ throws(ComputeFault) in host.kept[id] = nil }
    }

    func finishRevertMigration(_ request: MigrationRequest) async throws {
        let id = request.instance.id
        try await perform(.finishRevertMigration) { host, boot throws(ComputeFault) in
            if host.guests[id]?.powerState == .running { return }
            guard var guest = host.kept.removeValue(forKey: id) ?? host.guests[id] else {
                throw ComputeFault.instanceNotFound(id)
            }
            guest.powerState = .running
            guest.boot = boot()
            host.guests[id] = guest
        }
    }

    // MARK: Moving alive

    func checkLiveMigrationSource(_ instance: Instance, destination: JSONObject) async throws -> JSONObject {
        try await perform(.checkLiveMigrationSource) { host, _ throws(ComputeFault) in
            guard host.guests[instance.id] != nil else { throw ComputeFault.instanceNotFound(instance.id) }
            return ["checked": destination["filename"] ?? .null]
        }
    }

    func disks(of instance: Instance) async throws -> [GuestDisk] {
        try await perform(.disksOfInstance) { _, _ throws(ComputeFault) in
            [GuestDisk(format: "qcow2", path: "/disk", virtualSize: .gib(1), size: .mib(1), backingFile: nil)]
        }
    }

    func liveMigrate(_ request: LiveMigrationRequest) async throws {
        let id = request.instance.id
        try await perform(.liveMigrate) { host, _ throws(ComputeFault) in
            guard host.guests[id] != nil else { throw ComputeFault.instanceNotFound(id) }
        }
        guard !cluster.knows(request.destination) || cluster[request.destination].prepared.contains(id) else {
            throw ComputeFault(.hypervisorFailure, "not prepared", instance: id)
        }
        try await crash.around(host, "live_migration") {
            let guest = try cluster.change(host) { host, _ throws(ComputeFault) in host.guests.removeValue(forKey: id) }
            try cluster.change(request.destination) { host, _ throws(ComputeFault) in host.guests[id] = guest }
        }
        for case .failAfterwards(let fault) in faults.next(.forceLiveMigration) { throw fault }
    }

    func cleanUpAfterLiveMigration(_ request: GuestRequest) async throws {
        try await perform(.cleanUpAfterLiveMigration) { _, _ throws(ComputeFault) in }
    }

    func checkLiveMigrationDestination(_ request: LiveMigrationCheck) async throws -> JSONObject {
        try await perform(.checkLiveMigrationDestination) { host, _ throws(ComputeFault) in
            _ = host.prepared.insert(request.instance.id)
            return ["filename": "mark", "migrate_data": ["seen": true]]
        }
    }

    func cleanUpLiveMigrationCheck(_ check: JSONObject) async throws {
        try await perform(.cleanUpLiveMigrationCheck) { host, _ throws(ComputeFault) in host.prepared = [] }
    }

    func prepareLiveMigration(_ request: PrepareLiveMigrationRequest) async throws {
        try await perform(.prepareLiveMigration) { host, _ throws(ComputeFault) in
            _ = host.prepared.insert(request.instance.id)
        }
    }

    func finishLiveMigrationAtDestination(_ request: GuestRequest) async throws {
        let isAlone = !cluster.knows("compute2")
        try await perform(.finishLiveMigrationAtDestination) { host, boot throws(ComputeFault) in
            if host.guests[request.instance.id] == nil, isAlone,
                host.prepared.contains(request.instance.id)
            {
                // From nowhere, as the only host of its cluster.
                host.guests[request.instance.id] = TwinCluster.Guest(boot: boot(), memoryMiB: 1)
            }
            guard host.guests[request.instance.id] != nil else {
                throw ComputeFault.instanceNotFound(request.instance.id)
            }
            _ = host.prepared.remove(request.instance.id)
        }
    }

    func rollBackLiveMigrationAtDestination(_ request: GuestRequest) async throws {
        try await perform(.rollBackLiveMigrationAtDestination) { host, _ throws(ComputeFault) in
            _ = host.prepared.remove(request.instance.id)
        }
    }

    func forceLiveMigration(of instance: Instance) async throws {}
    func abortLiveMigration(of instance: Instance) async throws {
        try await perform(.abortLiveMigration) { _, _ throws(ComputeFault) in }
    }
}
