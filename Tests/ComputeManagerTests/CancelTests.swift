// SPDX-License-Identifier: Apache-2.0

import ComputeDriver
@testable import ComputeManager
import ComputeModel
import FakeDriver
import Testing
import WorkerStore

@Suite("An operator gives a request up", .timeLimit(.minutes(1)))
struct CancelTests {
    private let id = InstanceID(bits: Requests.instanceID)

    @Test("One that waits behind another ends at once, with its event and its reply, and the other goes on")
    func waiting() async throws {
        let fixture = try ManagerFixture()
        let point = fixture.driver.faults.hang(.spawn)
        try await fixture.run { manager in
            try await fixture.submit(manager, Requests.run())
            await point.reached()
            let entry = try await fixture.submit(
                manager, Requests.of(Requests.id, "stop_instance", message: "m1"))[0]
            #expect(try await manager.cancel(entry.id) == .ended)
            #expect(try await fixture.finished(entry)?.outcome == .cancelled)
            #expect(try await fixture.eventTypes().last == "stop_instance")
            let reply = try #require(try await fixture.outbox().first { $0.kind == .reply })
            #expect(try JSONParser.parse(reply.body)["failure"] == "cancelled")
            #expect(try await manager.cancel(entry.id) == .notCancellable("it has ended already (cancelled)"))
            point.release()
            await fixture.idle()
        }
        #expect(fixture.driver.faults.calls(of: .powerOff) == 0)
        #expect(try await fixture.instance(id)?.vmState == .active)
        await fixture.close()
    }

    @Test("A build that waits for a slot ends in ERROR with an event, and its slot stays another's")
    func waitingBuild() async throws {
        let fixture = try ManagerFixture { $0.buildSlots = 1 }
        let other = "00000000-0000-4000-8000-000000000002"
        let point = fixture.driver.faults.hang(.spawn)
        let otherID = try #require(InstanceID(other))
        try await fixture.run { manager in
            try await fixture.submit(manager, Requests.run())
            await point.reached()
            let entry = try await fixture.submit(manager, Requests.run(other, Requests.retry))[0]
            #expect(try await manager.cancel(entry.id) == .ended)
            point.release()
            await fixture.idle()
        }
        #expect(try await fixture.instance(otherID)?.vmState == .error)
        #expect(try await fixture.instance(id)?.vmState == .active)
        #expect(fixture.driver.faults.calls(of: .spawn) == 1)
        let event = try #require(try await fixture.events().first { $0["event_type"] == "run_instance" })
        #expect(event["payload"]?["exception"]?["kind"] == "cancelled")
        await fixture.close()
    }

    @Test("A build under way is undone: its guest goes, the instance ends in ERROR, no scheduler gets it back")
    func runningBuild() async throws {
        let fixture = try ManagerFixture()
        let point = fixture.driver.faults.hang(.spawn)
        let entry = try await fixture.run { manager in
            let entry = try await fixture.submit(manager, Requests.run(Requests.id, Requests.retry))[0]
            await point.reached()
            #expect(manager.running.map(\.id) == [entry.id])
            #expect(try await manager.cancel(entry.id) == .interrupting)
            #expect(manager.running.first?.isEnding == true)
            await fixture.clock.sleeper(for: .seconds(5))
            fixture.clock.advance(by: .seconds(5))
            await fixture.idle()
            return entry
        }
        #expect(try await fixture.finished(entry)?.outcome == .cancelled)
        #expect(try await fixture.instance(id)?.vmState == .error)
        #expect(try await fixture.driver.instances().isEmpty)
        #expect(try await fixture.resources(id).isEmpty)
        #expect(try await !fixture.outbox().contains { $0.kind == .cast })
        #expect(try await fixture.eventTypes() == ["compute.instance.create.start", "run_instance"])
        await fixture.close()
    }

    @Test("A reboot under way is not begun again, and its guest is not destroyed for it")
    func runningReboot() async throws {
        let fixture = try ManagerFixture()
        let point = fixture.driver.faults.hang(.reboot)
        let entry = try await fixture.run { manager in
            try await fixture.perform(manager, Requests.run())
            let entry = try await fixture.submit(manager, Requests.of(Requests.id, "reboot_instance"))[0]
            await point.reached()
            #expect(try await manager.cancel(entry.id) == .interrupting)
            fixture.clock.advance(by: .seconds(10))
            point.release()
            await fixture.idle()
            return entry
        }
        // It was rebooted before the cancel was read: the truth is told.
        #expect(try await fixture.finished(entry)?.outcome == .succeeded)
        #expect(try await fixture.driver.info(id).powerState == .running)
        #expect(fixture.driver.faults.calls(of: .destroy) == 0)
        await fixture.close()
    }

    @Test("What was cancelled and is found after a crash is not gone on with", arguments: [true, false])
    func crash(isBegun: Bool) async throws {
        let fixture = try ManagerFixture()
        let entry = try await cut(fixture, at: isBegun ? .spawn : .info, Requests.run(Requests.id, Requests.retry))
        try await fixture.run { _ in await fixture.idle() }
        #expect(try await fixture.finished(entry)?.outcome == .cancelled)
        #expect(try await fixture.instance(id)?.vmState == .error)
        #expect(try await fixture.driver.instances().isEmpty)
        #expect(try await fixture.resources(id).isEmpty)
        #expect(fixture.driver.faults.calls(of: .spawn) == (isBegun ? 1 : 0))
        #expect(try await fixture.eventTypes().last == "run_instance")
        await fixture.close()
    }

    @Test("A reboot that was cancelled and cut off is not done by the next start")
    func crashedReboot() async throws {
        let fixture = try ManagerFixture()
        try await fixture.run { try await fixture.perform($0, Requests.run()) }
        let boot = try await fixture.driver.info(id).bootIdentity
        let entry = try await cut(fixture, at: .reboot, Requests.of(Requests.id, "reboot_instance"))
        try await fixture.run { _ in await fixture.idle() }
        #expect(try await fixture.finished(entry)?.outcome == .cancelled)
        #expect(try await fixture.driver.info(id).bootIdentity == boot)
        #expect(try await fixture.instance(id)?.taskState == nil)
        #expect(try await fixture.instance(id)?.vmState == .active)
        #expect(try await fixture.eventTypes().last == "reboot_instance")
        await fixture.close()
    }

    /// Cancels a request while a driver call of it waits, and stops the manager there.
    private func cut(
        _ fixture: ManagerFixture, at operation: DriverOperation, _ body: [UInt8]
    ) async throws -> JournalEntry {
        let pause = Duration.seconds(3600)
        let call = fixture.driver.faults.calls(of: operation) + 1
        fixture.driver.faults.plan(.delay(pause), for: operation, call: call)
        return try await fixture.run { manager in
            let entry = try await fixture.submit(manager, body)[0]
            await fixture.clock.sleeper(for: pause)
            #expect(try await manager.cancel(entry.id) == .interrupting)
            return entry
        }
    }

    @Test("A delete that waits can be cancelled; not one that has begun, nor one for which a build is being undone")
    func terminate() async throws {
        let fixture = try ManagerFixture()
        let point = fixture.driver.faults.hang(.reboot)
        let destroying = fixture.driver.faults.hang(.destroy)
        let visit = HangPoint()
        try await fixture.run { manager in
            try await fixture.perform(manager, Requests.run())
            let dispatcher = try #require(manager.work as? Dispatcher)
            dispatcher.visit(id) { try? await visit.wait() }
            await visit.reached()
            let waiting = try await fixture.submit(manager, Requests.of(Requests.id, "terminate_instance"))[0]
            #expect(try await manager.cancel(waiting.id) == .ended)
            visit.release()
            try await fixture.submit(manager, Requests.of(Requests.id, "reboot_instance"))
            await point.reached()
            #expect(try await fixture.driver.info(id).powerState == .running)
            let begun = try await fixture.submit(manager, Requests.of(Requests.id, "terminate_instance"))[0]
            // What runs before it was told to end.
            #expect(try await manager.cancel(begun.id) == .irrevocable)
            point.release()
            await destroying.reached()
            #expect(try await manager.cancel(begun.id) == .irrevocable)
            destroying.release()
            await fixture.idle()
            #expect(try await manager.cancel(JournalID(999)) == .unknown)
        }
        #expect(try await fixture.instance(id) == nil)
        await fixture.close()
    }

    @Test("What was to make way for a delete that is cancelled has its turn after all")
    func spared() async throws {
        let fixture = try ManagerFixture { $0.buildSlots = 1; $0.operationSlots = 1 }
        let other = "00000000-0000-4000-8000-000000000002"
        let point = fixture.driver.faults.hang(.spawn)
        let blocker = fixture.driver.faults.hang(.destroy)
        try await fixture.run { manager in
            try await fixture.submit(manager, Requests.of("00000000-0000-4000-8000-000000000003", "terminate_instance"))
            await blocker.reached()
            try await fixture.submit(manager, Requests.run())
            await point.reached()
            let entries = try await fixture.submit(
                manager, Requests.run(other), Requests.of(other, "terminate_instance"))
            #expect(try await manager.cancel(entries[1].id) == .ended)
            point.release()
            blocker.release()
            await fixture.idle()
            #expect(try await fixture.finished(entries[0])?.outcome == .succeeded)
        }
        await fixture.close()
    }

    @Test("One that is journaled and not yet in its lane is not begun")
    func onItsWay() async throws {
        let fixture = try ManagerFixture()
        let entry = try await fixture.run { manager in
            try await fixture.perform(manager, Requests.run(change: { $0["uuid"] = .string(Requests.id) }))
            let entry = try await fixture.submit(nil, Requests.of(Requests.id, "stop_instance"))[0]
            #expect(try await manager.cancel(entry.id) == .interrupting)
            manager.work.enqueue([entry])
            await fixture.idle()
            return entry
        }
        #expect(try await fixture.finished(entry)?.outcome == .cancelled)
        #expect(fixture.driver.faults.calls(of: .powerOff) == 0)
        await fixture.close()
    }

    @Test("A wish that was written down while no worker ran is kept by the next start")
    func offline() async throws {
        let fixture = try ManagerFixture()
        let entries = try await fixture.submit(nil, Requests.run(), Requests.of(Requests.id, "terminate_instance"))
        let outcome = try await fixture.store.write { try CancelOutcome.wish(entries[1].id, in: $0) }
        #expect(outcome == .interrupting)
        try await fixture.run { _ in await fixture.idle() }
        #expect(try await fixture.finished(entries[1])?.outcome == .cancelled)
        #expect(try await fixture.instance(id)?.vmState == .active)
        await fixture.close()
    }
}
