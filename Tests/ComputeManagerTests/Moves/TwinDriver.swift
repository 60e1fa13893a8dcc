// SPDX-License-Identifier: Apache-2.0

import ComputeDriver
import ComputeModel
import FakeDriver
import Synchronization

/// The hosts of a ``TwinWorld``, as a test looks at them.
final class TwinCluster: Sendable {
    /// What a host has of a guest.
    struct Host: Sendable {
        let driver: FakeDriver?

        /// The guest on this host; the source of a resize has one that is off.
        func guest(_ id: InstanceID) -> FakeGuest? { driver?.guest(id) }
        var kept: [InstanceID: FakeGuest] { driver?.host.kept ?? [:] }

        /// Whether nothing is left here of it.
        func isEmpty(of id: InstanceID) -> Bool {
            guard let driver else { return true }
            let host = driver.host
            return driver.guest(id) == nil && host.kept[id] == nil && !host.expected.contains(id)
                && !host.leftBehind.contains(id) && host.marks.isEmpty
        }
    }

    /// A directory that all hosts see.
    struct Directory: Sendable, Hashable {
        var owner: String?

        /// As the libvirt driver decides it.
        func belongs(to host: String, asked instance: Instance) -> Bool {
            owner.map { $0 == host } ?? (instance.host == nil || instance.host == host)
        }
    }

    private let directories = Mutex<[InstanceID: Directory]>([:])

    /// The files of an instance; nil where they are gone.
    @discardableResult
    func directory(_ id: InstanceID, _ body: (inout Directory?) -> Void = { _ in }) -> Directory? {
        directories.withLock { directories in
            body(&directories[id])
            return directories[id]
        }
    }

    let hosts = FakeCluster()
    private let drivers = Mutex<[String: FakeDriver]>([:])

    func add(_ driver: FakeDriver, _ name: String) { drivers.withLock { $0[name] = driver } }

    subscript(host: String) -> Host { Host(driver: drivers.withLock { $0[host] }) }

    /// The hosts on which a guest runs.
    func running(_ id: InstanceID) -> [String] {
        drivers.withLock { $0 }.filter { $0.value.guest(id)?.powerState == .running }.map(\.key).sorted()
    }
}

/// The driver in memory on one host of a cluster, with the moments before and after each call at which its worker can
/// die.
final class TwinDriver: ComputeDriver, ResizingDriver, LiveMigrationSourceDriver, LiveMigrationTargetDriver,
    LiveMigrationControllingDriver, InstanceFilteringDriver, PoweringDriver, VolumeAttachingDriver
{
    static let name = DriverName(rawValue: "twin.TwinDriver")
    static let caveats: [DriverOperation: String] = [:]
    static let acceptedSpawnArguments = Set(SpawnArgument.allCases)
    static let needsImage = false

    let host: String
    let fake: FakeDriver
    private let cluster: TwinCluster
    private let crash: CrashPlan

    var faults: FaultPlan { fake.faults }

    init(host: String, cluster: TwinCluster, crash: CrashPlan) {
        self.host = host
        self.cluster = cluster
        self.crash = crash
        fake = FakeDriver(hostname: host, cluster: cluster.hosts)
        cluster.add(fake, host)
    }

    private func around<Output>(
        _ operation: DriverOperation, _ body: () async throws -> Output
    ) async throws -> Output {
        try await crash.around(host, operation.rawValue, body)
    }

    func start() async throws {}
    func run() async throws { try await fake.run() }
    func summary() async -> String { await fake.summary() }
    func instances() async throws -> [InstanceSummary] { try await fake.instances() }
    func info(_ instance: InstanceID) async throws -> InstanceInfo { try await fake.info(instance) }
    func hostResources() async throws -> HostResources { try await fake.hostResources() }

    func spawn(_ request: SpawnRequest) async throws {
        try await around(.spawn) {
            try await fake.spawn(request)
            cluster.directory(request.instance.id) { $0 = .init() }
        }
    }
    func destroy(_ instance: Instance) async throws {
        try await around(.destroy) {
            try await fake.destroy(instance)
            cluster.directory(instance.id) { if $0?.belongs(to: host, asked: instance) == true { $0 = nil } }
        }
    }
    func reboot(_ request: RebootRequest) async throws { try await around(.reboot) { try await fake.reboot(request) } }
    func powerOff(_ instance: Instance) async throws {
        try await around(.powerOff) { try await fake.powerOff(instance) }
    }
    func powerOn(_ instance: Instance) async throws { try await around(.powerOn) { try await fake.powerOn(instance) } }

    func migrateDiskAndPowerOff(_ request: MigrateDiskRequest) async throws -> DiskTransfer {
        try await around(.migrateDiskAndPowerOff) {
            let transfer = try await fake.migrateDiskAndPowerOff(request)
            cluster.directory(request.instance.id) { $0?.owner = request.migration.destinationHost }
            return transfer
        }
    }
    func finishMigration(_ request: FinishMigrationRequest) async throws {
        try await around(.finishMigration) { try await fake.finishMigration(request) }
    }
    func confirmMigration(_ request: MigrationRequest) async throws {
        try await around(.confirmMigration) { try await fake.confirmMigration(request) }
    }
    func finishRevertMigration(_ request: MigrationRequest) async throws {
        try await around(.finishRevertMigration) {
            try await fake.finishRevertMigration(request)
            cluster.directory(request.instance.id) { $0 = .init(owner: host) }
        }
    }

    func checkLiveMigrationSource(_ instance: Instance, destination: JSONObject) async throws -> JSONObject {
        try await fake.checkLiveMigrationSource(instance, destination: destination)
    }
    func disks(of instance: Instance) async throws -> [GuestDisk] { try await fake.disks(of: instance) }
    func liveMigrate(_ request: LiveMigrationRequest) async throws {
        try await around(.liveMigrate) { try await fake.liveMigrate(request) }
    }
    func cleanUpAfterLiveMigration(_ request: LiveMigrationRequest) async throws {
        try await around(.cleanUpAfterLiveMigration) { try await fake.cleanUpAfterLiveMigration(request) }
    }

    func checkLiveMigrationDestination(_ request: LiveMigrationCheck) async throws -> JSONObject {
        try await around(.checkLiveMigrationDestination) { try await fake.checkLiveMigrationDestination(request) }
    }
    func cleanUpLiveMigrationCheck(_ check: JSONObject) async throws {
        try await around(.cleanUpLiveMigrationCheck) { try await fake.cleanUpLiveMigrationCheck(check) }
    }
    func prepareLiveMigration(_ request: PrepareLiveMigrationRequest) async throws {
        try await around(.prepareLiveMigration) { try await fake.prepareLiveMigration(request) }
    }
    func finishLiveMigrationAtDestination(_ request: GuestRequest) async throws {
        try await around(.finishLiveMigrationAtDestination) {
            try await fake.finishLiveMigrationAtDestination(request)
        }
    }
    func rollBackLiveMigrationAtDestination(_ request: GuestRequest) async throws {
        try await around(.rollBackLiveMigrationAtDestination) {
            try await fake.rollBackLiveMigrationAtDestination(request)
        }
    }

    func forceLiveMigration(of instance: Instance) async throws { try await fake.forceLiveMigration(of: instance) }
    func abortLiveMigration(of instance: Instance) async throws {
        try await around(.abortLiveMigration) { try await fake.abortLiveMigration(of: instance) }
    }

    func volumeConnector(for instance: Instance) async throws -> VolumeConnector {
        try await fake.volumeConnector(for: instance)
    }
    func attachVolume(_ device: BlockDevice, to instance: Instance) async throws {
        try await fake.attachVolume(device, to: instance)
    }
    func detachVolume(_ device: BlockDevice, from instance: Instance) async throws {
        try await fake.detachVolume(device, from: instance)
    }

    func ensureFilters(_ request: GuestRequest) async throws {
        try await around(.ensureFilters) { try await fake.ensureFilters(request) }
    }
    func removeFilters(_ request: GuestRequest) async throws { try await fake.removeFilters(request) }
}
