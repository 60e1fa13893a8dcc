// SPDX-License-Identifier: Apache-2.0

import ComputeDriver
import ComputeManager
import ComputeModel
import FakeDriver
import Testing
import WorkerStore

@Suite("A restart takes up what was left", .timeLimit(.minutes(1)))
struct RecoveryTests {
    private let id = InstanceID(bits: Requests.instanceID)

    private static let pause = Duration.seconds(3600)

    /// Stops a manager while a driver call waits: the request stays unfinished, at its last checkpoint.
    private func interrupt(_ fixture: ManagerFixture, at operation: DriverOperation, during body: [UInt8]) async throws
    {
        let call = fixture.driver.faults.calls(of: operation) + 1
        fixture.driver.faults.plan(.delay(Self.pause), for: operation, call: call)
        try await fixture.run { manager in
            try await fixture.submit(manager, body)
            await fixture.clock.sleeper(for: Self.pause)
        }
        #expect(fixture.store.levels.unfinished == 1)
    }

    private func restart(_ fixture: ManagerFixture) async throws {
        try await fixture.run { _ in await fixture.idle() }
    }

    @Test("A build that was cut off before the guest was made is made")
    func buildBeforeSpawn() async throws {
        let fixture = try ManagerFixture()
        try await interrupt(fixture, at: .spawn, during: Requests.run())
        #expect(try await fixture.instance(id)?.taskState == .spawning)
        #expect(try await fixture.resources(id).count == 2)
        try await restart(fixture)
        #expect(try await fixture.instance(id)?.vmState == .active)
        #expect(try await fixture.eventTypes() == ["compute.instance.create.start", "compute.instance.create.end"])
        await fixture.close()
    }

    @Test("A build that was cut off after the guest ran is not done twice")
    func buildAfterSpawn() async throws {
        let fixture = try ManagerFixture()
        try await interrupt(fixture, at: .spawn, during: Requests.run())
        let row = try #require(try await fixture.instance(id))
        try await fixture.driver.spawn(SpawnRequest(instance: row, image: nil))
        let boot = try await fixture.driver.info(id).bootIdentity
        try await restart(fixture)
        #expect(try await fixture.driver.info(id).bootIdentity == boot)
        #expect(try await fixture.instance(id)?.vmState == .active)
        await fixture.close()
    }

    @Test("A guest that was left half built is removed and built anew")
    func halfBuilt() async throws {
        let fixture = try ManagerFixture()
        try await interrupt(fixture, at: .spawn, during: Requests.run())
        let row = try #require(try await fixture.instance(id))
        try await fixture.driver.spawn(SpawnRequest(instance: row, image: nil))
        try await fixture.driver.powerOff(row)
        try await restart(fixture)
        #expect(try await fixture.driver.info(id).powerState == .running)
        #expect(fixture.driver.faults.calls(of: .destroy) == 1)
        #expect(try await fixture.instance(id)?.vmState == .active)
        await fixture.close()
    }

    @Test("A reboot that had its effect is not done twice; one that had none is done", arguments: [true, false])
    func reboot(_ hadEffect: Bool) async throws {
        let fixture = try ManagerFixture()
        try await fixture.run { try await fixture.perform($0, Requests.run()) }
        try await interrupt(fixture, at: .reboot, during: Requests.of(Requests.id, "reboot_instance"))
        let row = try #require(try await fixture.instance(id))
        #expect(row.taskState == .rebooting)
        if hadEffect { try await fixture.driver.reboot(RebootRequest(instance: row, type: .soft)) }
        let boot = try await fixture.driver.info(id).bootIdentity
        try await restart(fixture)
        #expect((try await fixture.driver.info(id).bootIdentity == boot) == hadEffect)
        #expect(try await fixture.instance(id)?.taskState == nil)
        #expect(
            try await fixture.eventTypes().suffix(2) == [
                "compute.instance.reboot.start", "compute.instance.reboot.end",
            ])
        await fixture.close()
    }

    @Test("A delete that was cut off is finished, with each event once")
    func delete() async throws {
        let fixture = try ManagerFixture()
        try await fixture.run { try await fixture.perform($0, Requests.run()) }
        try await interrupt(fixture, at: .destroy, during: Requests.of(Requests.id, "terminate_instance"))
        try await restart(fixture)
        #expect(try await fixture.instance(id) == nil)
        #expect(try await fixture.driver.instances().isEmpty)
        #expect(
            try await fixture.eventTypes().suffix(4) == [
                "compute.instance.delete.start", "compute.instance.shutdown.start", "compute.instance.shutdown.end",
                "compute.instance.delete.end",
            ])
        await fixture.close()
    }

    @Test("A stop that had its effect is not asked for twice")
    func stop() async throws {
        let fixture = try ManagerFixture()
        try await fixture.run { try await fixture.perform($0, Requests.run()) }
        try await interrupt(fixture, at: .powerOff, during: Requests.of(Requests.id, "stop_instance"))
        let row = try #require(try await fixture.instance(id))
        try await fixture.driver.powerOff(row)
        let calls = fixture.driver.faults.calls(of: .powerOff)
        try await restart(fixture)
        #expect(fixture.driver.faults.calls(of: .powerOff) == calls)
        #expect(try await fixture.instance(id)?.vmState == .stopped)
        await fixture.close()
    }

    @Test("What was journaled and never begun is done, in order, and a build before a delete is given up")
    func neverBegun() async throws {
        let fixture = try ManagerFixture()
        let other = "00000000-0000-4000-8000-000000000002"
        try await fixture.submit(
            nil, Requests.run(), Requests.run(other), Requests.of(other, "stop_instance"),
            Requests.of(Requests.id, "terminate_instance"))
        try await restart(fixture)
        #expect(try await fixture.instance(id) == nil)
        let otherID = try #require(InstanceID(other))
        #expect(try await fixture.instance(otherID)?.vmState == .stopped)
        #expect(fixture.driver.faults.calls(of: .spawn) == 1)
        await fixture.close()
    }

    @Test("A build under way at the stop is undone when a delete waits behind it")
    func undoneForDelete() async throws {
        let fixture = try ManagerFixture()
        try await interrupt(fixture, at: .spawn, during: Requests.run(Requests.id, Requests.retry))
        try await fixture.submit(nil, Requests.of(Requests.id, "terminate_instance"))
        try await restart(fixture)
        #expect(try await fixture.instance(id) == nil)
        #expect(try await fixture.driver.instances().isEmpty)
        #expect(try await fixture.resources(id).isEmpty)
        let types = try await fixture.eventTypes()
        #expect(types.contains("run_instance"))
        #expect(!types.contains("compute.instance.create.end"))
        #expect(types.last == "compute.instance.delete.end")
        #expect(try await !fixture.outbox().contains { $0.kind == .cast })
        await fixture.close()
    }

    /// Lets the given number of waits for the hypervisor pass.
    private func passWaits(_ count: Int, _ fixture: ManagerFixture) async {
        for _ in 0..<count {
            await fixture.clock.sleeper(for: .seconds(1))
            fixture.clock.advance(by: .seconds(1))
        }
    }

    private func goAway(_ fixture: ManagerFixture, for operation: DriverOperation, calls count: Int) {
        let made = fixture.driver.faults.calls(of: operation)
        fixture.driver.faults.plan(
            .fail(ComputeFault(.unavailable, "away")), for: operation, calls: made + 1...made + count)
    }

    @Test("A build that was begun waits for a hypervisor that is away at the restart")
    func buildWaitsForTheHypervisor() async throws {
        let fixture = try ManagerFixture()
        try await interrupt(fixture, at: .spawn, during: Requests.run())
        goAway(fixture, for: .info, calls: 40)
        try await fixture.run { [self] _ in
            await passWaits(40, fixture)
            await fixture.idle()
        }
        #expect(try await fixture.instance(id)?.vmState == .active)
        #expect(try await fixture.eventTypes() == ["compute.instance.create.start", "compute.instance.create.end"])
        await fixture.close()
    }

    @Test(
        "A build that is taken up again outlasts a hypervisor that goes away meanwhile, but not for ever",
        arguments: [true, false])
    func buildOutlastsAnOutage(_ returns: Bool) async throws {
        let fixture = try ManagerFixture { $0.maximumAttempts = 3 }
        try await interrupt(fixture, at: .spawn, during: Requests.run())
        goAway(fixture, for: .spawn, calls: returns ? 2 : 3)
        try await fixture.run { [self] _ in
            await passWaits(2, fixture)
            await fixture.idle()
        }
        #expect(fixture.driver.faults.calls(of: .spawn) == 4)
        #expect(try await fixture.instance(id)?.vmState == (returns ? .active : .error))
        #expect(try await fixture.resources(id).isEmpty == !returns)
        await fixture.close()
    }

    @Test("A delete that was begun waits for a hypervisor that is away at the restart")
    func deleteWaitsForTheHypervisor() async throws {
        let fixture = try ManagerFixture()
        try await fixture.run { try await fixture.perform($0, Requests.run()) }
        try await interrupt(fixture, at: .destroy, during: Requests.of(Requests.id, "terminate_instance"))
        goAway(fixture, for: .destroy, calls: 40)
        try await fixture.run { [self] _ in
            await passWaits(40, fixture)
            await fixture.idle()
        }
        #expect(try await fixture.instance(id) == nil)
        #expect(try await fixture.driver.instances().isEmpty)
        #expect(try await fixture.eventTypes().last == "compute.instance.delete.end")
        await fixture.close()
    }

    @Test("A build that waits for the hypervisor makes way for a delete")
    func waitIsInterrupted() async throws {
        let fixture = try ManagerFixture()
        try await interrupt(fixture, at: .spawn, during: Requests.run(Requests.id, Requests.retry))
        goAway(fixture, for: .info, calls: 2)
        try await fixture.run { [self] manager in
            await fixture.clock.sleeper(for: .seconds(1))
            try await fixture.submit(manager, Requests.of(Requests.id, "terminate_instance"))
            await passWaits(1, fixture)
            await fixture.idle()
        }
        #expect(try await fixture.instance(id) == nil)
        #expect(try await fixture.resources(id).isEmpty)
        #expect(fixture.driver.faults.calls(of: .spawn) == 1)
        #expect(try await fixture.eventTypes().last == "compute.instance.delete.end")
        await fixture.close()
    }

    @Test("A build that was begun and is given up is undone: no guest, no resources, ERROR and an event")
    func givenUpBuild() async throws {
        let fixture = try ManagerFixture { $0.maximumAttempts = 2 }
        try await interrupt(fixture, at: .spawn, during: Requests.run(Requests.id, Requests.retry))
        let entry = try #require(try await fixture.store.read { try $0.unfinished(after: nil, limit: 1) }.first)
        #expect(entry.step != nil)
        let row = try #require(try await fixture.instance(id))
        try await fixture.driver.spawn(SpawnRequest(instance: row, image: nil))
        try await exhaust(entry, fixture)
        try await restart(fixture)
        #expect(try await fixture.finished(entry)?.outcome == .failed)
        #expect(try await fixture.driver.instances().isEmpty)
        #expect(try await fixture.resources(id).isEmpty)
        #expect(try await fixture.instance(id)?.vmState == .error)
        #expect(try await fixture.instance(id)?.taskState == nil)
        #expect(try await fixture.eventTypes() == ["compute.instance.create.start", "run_instance"])
        await fixture.close()
    }

    @Test("A stop that was begun and is given up clears its task")
    func givenUpStop() async throws {
        let fixture = try ManagerFixture { $0.maximumAttempts = 2 }
        try await fixture.run { try await fixture.perform($0, Requests.run()) }
        try await interrupt(fixture, at: .powerOff, during: Requests.of(Requests.id, "stop_instance"))
        let entry = try #require(try await fixture.store.read { try $0.unfinished(after: nil, limit: 1) }.first)
        #expect(try await fixture.instance(id)?.taskState == .stopping)
        try await exhaust(entry, fixture)
        try await restart(fixture)
        #expect(try await fixture.finished(entry)?.outcome == .failed)
        #expect(try await fixture.instance(id)?.taskState == nil)
        #expect(try await fixture.instance(id)?.vmState == .active)
        #expect(try await fixture.eventTypes().last == "stop_instance")
        await fixture.close()
    }

    /// Counts as many beginnings of a request as are allowed.
    private func exhaust(_ entry: JournalEntry, _ fixture: ManagerFixture) async throws {
        let count = fixture.configuration.maximumAttempts
        try await fixture.store.write { transaction in
            for _ in 0..<count { try transaction.countAttempt(entry.id) }
        }
    }

    @Test("Work that never ends is given up after the configured number of beginnings")
    func givenUp() async throws {
        let fixture = try ManagerFixture { $0.maximumAttempts = 2 }
        let entries = try await fixture.submit(nil, Requests.run())
        let entry = entries[0]
        try await fixture.store.write { transaction in
            for _ in 0..<2 { try transaction.countAttempt(entry.id) }
        }
        try await restart(fixture)
        #expect(try await fixture.finished(entry)?.outcome == .failed)
        #expect(fixture.driver.faults.calls(of: .spawn) == 0)
        #expect(try await fixture.eventTypes() == ["run_instance"])
        await fixture.close()
    }

    @Test("Closed lanes take nothing; the next start with open ones does it")
    func closedLanes() async throws {
        let fixture = try ManagerFixture { $0.lanesClosed = true }
        try await fixture.run { manager in
            try await fixture.submit(manager, Requests.run())
            #expect(manager.load.waiting == 0)
            #expect(manager.load.running == 0)
        }
        #expect(fixture.store.levels.unfinished == 1)
        await fixture.close()
    }

    @Test("What is handed over while the journal is still read is done once, behind it")
    func handedOverEarly() async throws {
        let fixture = try ManagerFixture()
        let entries = try await fixture.submit(nil, Requests.run())
        let manager = fixture.makeManager()
        manager.work.enqueue(entries)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await manager.run() }
            await fixture.idle()
            manager.drain()
            try await group.waitForAll()
        }
        #expect(fixture.driver.faults.calls(of: .spawn) == 1)
        #expect(manager.load.waiting == 0)
        await fixture.close()
    }
}
