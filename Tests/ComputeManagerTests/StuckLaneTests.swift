// SPDX-License-Identifier: Apache-2.0

import ComputeDriver
import ComputeManager
import ComputeModel
import FakeDriver
import Testing
import WorkerStore

@Suite("No lane stays shut while the worker runs", .timeLimit(.minutes(1)))
struct StuckLaneTests {
    private let id = InstanceID(bits: Requests.instanceID)

    @Test("A driver call that says it was cancelled, though nobody stops, is a failure that is told")
    func cancelledCall() async throws {
        let fixture = try ManagerFixture()
        try await fixture.run { manager in
            try await fixture.perform(manager, Requests.run())
            fixture.driver.faults.plan(.cancelled, for: .powerOff, call: 1)
            try await fixture.perform(manager, Requests.of(Requests.id, "stop_instance"))
            #expect(try await fixture.eventTypes().last == "stop_instance")
            try await fixture.perform(manager, Requests.of(Requests.id, "terminate_instance"))
        }
        #expect(try await fixture.instance(id) == nil)
        await fixture.close()
    }

    @Test("Where the journal refuses a step, the lane goes on with what comes next")
    func lostRow() async throws {
        let fixture = try ManagerFixture()
        try await fixture.run { manager in
            try await fixture.perform(manager, Requests.run())
            let point = fixture.driver.faults.hang(.info, call: fixture.driver.faults.calls(of: .info) + 1)
            let entry = try await fixture.submit(manager, Requests.of(Requests.id, "reboot_instance"))[0]
            await point.reached()
            _ = try await fixture.store.write { try $0.finish(entry.id, outcome: .failed) }
            try await fixture.submit(manager, Requests.of(Requests.id, "stop_instance"))
            point.release()
            await fixture.clock.sleeper(for: .seconds(1))
            fixture.clock.advance(by: .seconds(1))
            await fixture.idle()
        }
        #expect(fixture.driver.faults.calls(of: .reboot) == 0)
        #expect(try await fixture.instance(id)?.vmState == .stopped)
        await fixture.close()
    }

    @Test("Stops in good order are no attempts: a request is not given up for them")
    func orderlyStops() async throws {
        let fixture = try ManagerFixture { $0.maximumAttempts = 2 }
        let pause = Duration.seconds(3600)
        for stop in 1...6 {
            fixture.driver.faults.plan(.delay(pause), for: .spawn, call: stop)
            try await fixture.run { manager in
                if stop == 1 { try await fixture.submit(manager, Requests.run()) }
                await fixture.clock.sleeper(for: pause)
            }
        }
        try await fixture.run { _ in await fixture.idle() }
        #expect(try await fixture.instance(id)?.vmState == .active)
        await fixture.close()
    }

    @Test("A delete is never given up, however often the worker died over it")
    func delete() async throws {
        let fixture = try ManagerFixture { $0.maximumAttempts = 2 }
        try await fixture.run { try await fixture.perform($0, Requests.run()) }
        let entry = try await fixture.submit(nil, Requests.of(Requests.id, "terminate_instance"))[0]
        try await fixture.store.write { transaction in
            for _ in 0..<50 { try transaction.countAttempt(entry.id) }
        }
        try await fixture.run { _ in await fixture.idle() }
        #expect(try await fixture.instance(id) == nil)
        #expect(try await fixture.finished(entry)?.outcome == .succeeded)
        await fixture.close()
    }

    @Test("A delete that can't be read leaves the build that made way for it in ERROR, with events")
    func unreadableDelete() async throws {
        let fixture = try ManagerFixture()
        let point = fixture.driver.faults.hang(.spawn)
        try await fixture.run { manager in
            try await fixture.submit(manager, Requests.run())
            await point.reached()
            // The scanner finds method and instance; the arguments are not what the method takes.
            try await fixture.submit(
                manager, Requests.of(Requests.id, "terminate_instance", ["surprise": "no such argument"]))
            point.release()
            await fixture.idle()
        }
        #expect(try await fixture.instance(id)?.vmState == .error)
        #expect(try await fixture.instance(id)?.taskState == nil)
        #expect(try await fixture.driver.instances().isEmpty)
        #expect(
            try await fixture.eventTypes() == [
                "compute.instance.create.start", "run_instance", "terminate_instance",
            ])
        await fixture.close()
    }
}
