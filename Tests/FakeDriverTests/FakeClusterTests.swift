// SPDX-License-Identifier: Apache-2.0

import ComputeDriver
import ComputeModel
import FakeDriver
import Synchronization
import Testing

@Suite("Hosts in memory", .timeLimit(.minutes(1)))
struct FakeClusterTests {
    private let here: FakeDriver
    private let there: FakeDriver
    private let instance: Instance

    init() throws {
        let cluster = FakeCluster()
        here = FakeDriver(hostname: "here", cluster: cluster)
        there = FakeDriver(hostname: "there", cluster: cluster)
        instance = try Instance(fields: [
            "uuid": "f53be0a8-2c05-413b-b16b-7b044ffa6469", "name": "instance-00000001", "memory_mb": 512, "vcpus": 2,
        ])
    }

    private func prepare() async throws {
        try await here.spawn(SpawnRequest(instance: instance, image: nil))
        try await there.prepareLiveMigration(PrepareLiveMigrationRequest(instance: instance, disks: nil))
    }

    private func move() async throws {
        try await here.liveMigrate(
            LiveMigrationRequest(instance: instance, destination: "there", takesDisks: false))
    }

    private func kind(_ body: () async throws -> Void) async -> ComputeFault.Kind? {
        do {
            try await body()
            return nil
        } catch {
            return (error as? ComputeFault)?.kind
        }
    }

    @Test("A move that is given up half-way fails, and the guest runs where it ran")
    func abort() async throws {
        try await prepare()
        let point = here.faults.hang(.liveMigrate, isMidway: true)
        async let outcome = kind { try await move() }
        await point.reached()
        try await here.abortLiveMigration(of: instance)
        #expect(await outcome == .migrationFailure)
        #expect(here.guest(instance.id)?.powerState == .running && there.guest(instance.id) == nil)
    }

    @Test("A move that is hurried pauses the guest until it is over there")
    func force() async throws {
        try await prepare()
        let point = here.faults.hang(.liveMigrate, isMidway: true)
        async let outcome = kind { try await move() }
        await point.reached()
        try await here.forceLiveMigration(of: instance)
        #expect(await outcome == nil)
        #expect(here.guest(instance.id) == nil && there.guest(instance.id)?.powerState == .running)
    }

    @Test("A guest does not move to a host that does not expect it, nor comes from disks that were not sent")
    func unexpected() async throws {
        try await here.spawn(SpawnRequest(instance: instance, image: nil))
        #expect(await kind { try await move() } == .migrationFailure)
        let migration = Migration(
            id: 1, sourceHost: "here", destinationHost: "there", destinationAddress: "127.0.0.1",
            oldFlavor: JSONObject(), newFlavor: JSONObject(), status: .migrating)
        #expect(
            await kind {
                try await there.finishMigration(
                    FinishMigrationRequest(
                        instance: instance, migration: migration, transfer: DiskTransfer(nil), isResized: true))
            } == .migrationFailure)
        #expect(there.guest(instance.id) == nil)
    }

    @Test("A host that goes into maintenance sends its guests to the next one")
    func maintenance() async throws {
        try await here.spawn(SpawnRequest(instance: instance, image: nil))
        #expect(try await here.setMaintenance(true) == "on_maintenance")
        #expect(here.guest(instance.id) == nil && there.guest(instance.id)?.powerState == .running)
    }

    @Test("What a delete of a resized guest leaves nothing of, a revert's removal keeps")
    func kept() async throws {
        try await here.spawn(SpawnRequest(instance: instance, image: nil))
        let migration = Migration(
            id: 1, sourceHost: "here", destinationHost: "here", destinationAddress: "127.0.0.1",
            oldFlavor: JSONObject(), newFlavor: JSONObject(), status: .migrating)
        _ = try await here.migrateDiskAndPowerOff(MigrateDiskRequest(instance: instance, migration: migration))
        try await here.destroy(instance)
        #expect(here.host.kept[instance.id] != nil)
        var deleting = instance
        deleting.taskState = .deleting
        try await here.destroy(deleting)
        #expect(here.host.kept.isEmpty)
    }

    @Test("A long operation tells how far it is, in the steps of its plan")
    func progress() async throws {
        here.faults.plan(.steps(2, pause: .milliseconds(1)), for: .spawn)
        let told = Mutex<[Int]>([])
        let reporter = ProgressReporter { progress in told.withLock { $0.append(progress.done.mib) } }
        try await here.spawn(SpawnRequest(instance: instance, image: nil, progress: reporter))
        #expect(told.withLock { $0 } == [0, 256, 512])
    }

    @Test("A hypervisor that is away answers nothing and says why; a guest that is silent is one of many")
    func away() async throws {
        try await here.spawn(SpawnRequest(instance: instance, image: nil))
        var outages = here.outages().makeAsyncIterator()
        #expect(await outages.next() == .some(nil))
        here.outsideOutage("the cable")
        #expect(await outages.next() == "the cable")
        #expect(await kind { _ = try await here.instances() } == .unavailable)
        here.outsideOutage(nil)
        here.outsideSilence(of: instance.id)
        #expect(try await here.instances().first?.powerState == .noState)
        #expect(await kind { try await here.pause(instance) } == .timeout)
        #expect(here.unresponsiveGuests == [instance.id])
        try await here.reboot(RebootRequest(instance: instance, type: .hard))
        #expect(try await here.info(instance.id).powerState == .running)
    }
}
