// SPDX-License-Identifier: Apache-2.0

import ComputeDriver
@testable import ComputeManager
import ComputeModel
import FakeDriver
import Testing
import WorkerStore

@Suite("A hypervisor that is away", .timeLimit(.minutes(1)))
struct OutageTests {
    private let id = InstanceID(bits: Requests.instanceID)
    private let other = "00000000-0000-4000-8000-000000000002"

    private func away(_ fixture: ManagerFixture, for operation: DriverOperation, calls count: Int) {
        let made = fixture.driver.faults.calls(of: operation)
        fixture.driver.faults.plan(
            .fail(ComputeFault(.unavailable, "away")), for: operation, calls: made + 1...made + count)
    }

    private func passWaits(_ count: Int, _ fixture: ManagerFixture) async {
        for _ in 0..<count {
            await fixture.clock.sleeper(for: .seconds(1))
            fixture.clock.advance(by: .seconds(1))
        }
    }

    @Test("A delete waits for it, however long that is, with its events once each")
    func delete() async throws {
        let fixture = try ManagerFixture { $0.deadlines.reconnection = .seconds(30) }
        try await fixture.run { [self] manager in
            try await fixture.perform(manager, Requests.run())
            away(fixture, for: .destroy, calls: 50)
            try await fixture.submit(manager, Requests.of(Requests.id, "terminate_instance"))
            await passWaits(10, fixture)
            let waiting = try await fixture.store.read { try $0.unfinished(limit: 1) }.first
            #expect(waiting?.lastError == "away", "who asks the journal is told what it waits for")
            await passWaits(40, fixture)
            await fixture.idle()
        }
        #expect(try await fixture.instance(id) == nil)
        #expect(try await fixture.driver.instances().isEmpty)
        #expect(
            try await fixture.eventTypes().suffix(4) == [
                "compute.instance.delete.start", "compute.instance.shutdown.start", "compute.instance.shutdown.end",
                "compute.instance.delete.end",
            ])
        await fixture.close()
    }

    @Test("A delete waits for one that stands still, too")
    func frozen() async throws {
        let fixture = try ManagerFixture()
        try await fixture.run { [self] manager in
            try await fixture.perform(manager, Requests.run())
            fixture.driver.faults.plan(.fail(ComputeFault(.timeout, "overdue")), for: .destroy, calls: 1...2)
            try await fixture.submit(manager, Requests.of(Requests.id, "terminate_instance"))
            await passWaits(2, fixture)
            await fixture.idle()
        }
        #expect(try await fixture.eventTypes().last == "compute.instance.delete.end")
        await fixture.close()
    }

    @Test("Deletes that wait hold no slots: others' requests and their own cancels are served")
    func slots() async throws {
        let fixture = try ManagerFixture { $0.operationSlots = 1 }
        try await fixture.run { [self] manager in
            try await fixture.perform(manager, Requests.run(), Requests.run(other))
            away(fixture, for: .destroy, calls: 5)
            try await fixture.submit(manager, Requests.of(Requests.id, "terminate_instance"))
            await fixture.clock.sleeper(for: .seconds(1))
            try await fixture.submit(manager, Requests.of(other, "reboot_instance"))
            _ = await fixture.store.wait { $0.unfinished == 1 }
            #expect(fixture.driver.faults.calls(of: .reboot) == 1)
            await passWaits(5, fixture)
            await fixture.idle()
        }
        #expect(try await fixture.instance(id) == nil)
        await fixture.close()
    }

    @Test("What waited takes a slot again before it goes on, behind who has it")
    func slotAgain() async throws {
        let fixture = try ManagerFixture { $0.operationSlots = 1 }
        let point = fixture.driver.faults.hang(.reboot)
        try await fixture.run { [self] manager in
            try await fixture.perform(manager, Requests.run(), Requests.run(other))
            away(fixture, for: .destroy, calls: 1)
            try await fixture.submit(manager, Requests.of(Requests.id, "terminate_instance"))
            await fixture.clock.sleeper(for: .seconds(1))
            try await fixture.submit(manager, Requests.of(other, "reboot_instance"))
            await point.reached()
            fixture.clock.advance(by: .seconds(1))
            #expect(manager.load.running == 2)
            #expect(fixture.driver.faults.calls(of: .destroy) == 1)
            point.release()
            await fixture.idle()
            #expect(fixture.driver.faults.calls(of: .destroy) == 2)
        }
        #expect(try await fixture.instance(id) == nil)
        await fixture.close()
    }

    @Test("A stop of the worker does not wait for it; the next start goes on")
    func drain() async throws {
        let fixture = try ManagerFixture()
        try await fixture.run { try await fixture.perform($0, Requests.run()) }
        away(fixture, for: .destroy, calls: 2)
        let manager = fixture.makeManager()
        try await withThrowingTaskGroup(of: Void.self) { [self] group in
            group.addTask { try await manager.run() }
            try await fixture.submit(manager, Requests.of(Requests.id, "terminate_instance"))
            await fixture.clock.sleeper(for: .seconds(1))
            manager.drain()
            await passWaits(1, fixture)
            try await group.waitForAll()
        }
        #expect(fixture.store.levels.unfinished == 1)
        #expect(try await fixture.instance(id)?.taskState == .deleting)
        try await fixture.run { [self] _ in
            await passWaits(1, fixture)
            await fixture.idle()
        }
        #expect(try await fixture.instance(id) == nil)
        await fixture.close()
    }

    @Test(
        "A reboot that it cut off is done once: again where the guest shows no effect, not where it shows one",
        arguments: [true, false])
    func reboot(hadEffect: Bool) async throws {
        let fixture = try ManagerFixture()
        let lost = ComputeFault(.unavailable, "libvirt was lost during a call")
        fixture.driver.faults.plan(hadEffect ? .failAfterwards(lost) : .fail(lost), for: .reboot, call: 1)
        let boots = try await fixture.run { [self] manager in
            try await fixture.perform(manager, Requests.run())
            let boot = try await fixture.driver.info(id).bootIdentity
            try await fixture.submit(manager, Requests.of(Requests.id, "reboot_instance", ["reboot_type": "HARD"]))
            await passWaits(1, fixture)
            await fixture.idle()
            return (boot, try await fixture.driver.info(id).bootIdentity)
        }
        #expect(boots.0 != boots.1)
        #expect(fixture.driver.faults.calls(of: .reboot) == (hadEffect ? 1 : 2))
        #expect(
            try await fixture.eventTypes().suffix(2) == [
                "compute.instance.reboot.start", "compute.instance.reboot.end",
            ])
        await fixture.close()
    }

    @Test("A reboot that it cuts off each time ends in an error that is told")
    func rebootInVain() async throws {
        let fixture = try ManagerFixture { $0.maximumAttempts = 3 }
        away(fixture, for: .reboot, calls: 3)
        let entry = try await fixture.run { [self] manager in
            try await fixture.perform(manager, Requests.run())
            let entry = try await fixture.submit(manager, Requests.of(Requests.id, "reboot_instance"))[0]
            await passWaits(2, fixture)
            await fixture.idle()
            return entry
        }
        #expect(try await fixture.finished(entry)?.outcome == .failed)
        #expect(try await fixture.instance(id)?.taskState == nil)
        #expect(
            try await fixture.eventTypes().suffix(2) == ["compute.instance.reboot.start", "reboot_instance"])
        await fixture.close()
    }

    @Test("A build that was not begun waits for its return for a stated time and no longer")
    func build() async throws {
        let fixture = try ManagerFixture { $0.deadlines.reconnection = .seconds(3) }
        away(fixture, for: .info, calls: 4)
        try await fixture.run { [self] manager in
            try await fixture.submit(manager, Requests.run())
            await passWaits(3, fixture)
            await fixture.idle()
        }
        // Whether a guest is there nobody could say: its state is not touched, and the failure is told.
        #expect(try await fixture.instance(id) == nil)
        #expect(fixture.driver.faults.calls(of: .spawn) == 0)
        #expect(try await fixture.eventTypes() == ["run_instance"])
        await fixture.close()
    }
}
