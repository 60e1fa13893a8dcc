// SPDX-License-Identifier: Apache-2.0

import ComputeDriver
import ComputeManager
import ComputeModel
import FakeDriver
import Testing
import WorkerStore

@Suite("Work that is taken up while the hypervisor still does what was begun", .timeLimit(.minutes(1)))
struct SettlingTests {
    private let id = InstanceID(bits: Requests.instanceID)
    private static let look = Duration.milliseconds(250)

    /// A manager that died while `operation` was under way, on a guest whose start has begun and goes on.
    private func interrupted(
        _ fixture: ManagerFixture, at operation: DriverOperation, during body: [UInt8]
    ) async throws {
        let call = fixture.driver.faults.calls(of: operation) + 1
        fixture.driver.faults.plan(.delay(.seconds(3600)), for: operation, call: call)
        try await fixture.run { manager in
            try await fixture.submit(manager, body)
            await fixture.clock.sleeper(for: .seconds(3600))
        }
        if operation == .spawn {
            let row = try #require(try await fixture.instance(id))
            try await fixture.driver.spawn(SpawnRequest(instance: row, image: nil))
        }
        fixture.driver.outsideStart(id)
    }

    /// Lets the worker look at the guest a number of times.
    private func looks(_ count: Int, _ fixture: ManagerFixture) async {
        for _ in 0..<count {
            await fixture.clock.sleeper(for: Self.look)
            fixture.clock.advance(by: Self.look)
        }
    }

    /// Restarts the worker; the guest runs after some looks.
    private func restart(_ fixture: ManagerFixture) async throws {
        try await fixture.run { [self] _ in
            await looks(3, fixture)
            await fixture.clock.sleeper(for: Self.look)
            fixture.driver.outsideChange(id, to: .running)
            fixture.clock.advance(by: Self.look)
            await fixture.idle()
        }
    }

    @Test(
        "A start or reboot whose start is under way is not made twice",
        arguments: [("reboot_instance", DriverOperation.reboot), ("start_instance", .powerOn)])
    func startUnderWay(_ method: String, _ call: DriverOperation) async throws {
        let fixture = try ManagerFixture()
        try await fixture.run { manager in
            try await fixture.perform(manager, Requests.run())
            if call == .powerOn { try await fixture.perform(manager, Requests.of(Requests.id, "stop_instance")) }
        }
        try await interrupted(fixture, at: call, during: Requests.of(Requests.id, method))
        let calls = fixture.driver.faults.calls(of: call)
        let boot = try await fixture.driver.info(id).bootIdentity
        try await restart(fixture)
        #expect(fixture.driver.faults.calls(of: call) == calls)
        #expect(try await fixture.driver.info(id).bootIdentity == boot)
        #expect(try await fixture.instance(id)?.vmState == .active)
        #expect(try await fixture.instance(id)?.taskState == nil)
        await fixture.close()
    }

    @Test("A rescue waits for the start that was begun before it asks again")
    func rescueUnderWay() async throws {
        let fixture = try ManagerFixture()
        try await fixture.run { try await fixture.perform($0, Requests.run()) }
        try await interrupted(fixture, at: .rescue, during: Requests.of(Requests.id, "rescue_instance"))
        let calls = fixture.driver.faults.calls(of: .rescue)
        try await fixture.run { [self] _ in
            await looks(3, fixture)
            await fixture.clock.sleeper(for: Self.look)
            #expect(fixture.driver.faults.calls(of: .rescue) == calls)
            fixture.driver.outsideChange(id, to: .running)
            fixture.clock.advance(by: Self.look)
            await fixture.idle()
        }
        #expect(fixture.driver.faults.calls(of: .rescue) == calls + 1)
        #expect(try await fixture.instance(id)?.vmState == .rescued)
        await fixture.close()
    }

    @Test("A guest that is just being started was built, and is not built again")
    func buildUnderWay() async throws {
        let fixture = try ManagerFixture()
        try await interrupted(fixture, at: .spawn, during: Requests.run())
        try await restart(fixture)
        #expect(fixture.driver.faults.calls(of: .destroy) == 0)
        #expect(try await fixture.instance(id)?.vmState == .active)
        await fixture.close()
    }

    @Test("A start that never comes to its end is waited for a minute, then the guest is rebooted")
    func stuck() async throws {
        let fixture = try ManagerFixture()
        try await fixture.run { try await fixture.perform($0, Requests.run()) }
        try await interrupted(fixture, at: .reboot, during: Requests.of(Requests.id, "reboot_instance"))
        let calls = fixture.driver.faults.calls(of: .reboot)
        try await fixture.run { _ in
            while fixture.store.levels.unfinished > 0 { try await fixture.step(by: Self.look) }
        }
        #expect(fixture.driver.faults.calls(of: .info) > 240)
        #expect(fixture.driver.faults.calls(of: .reboot) == calls + 1)
        #expect(try await fixture.instance(id)?.taskState == nil)
        await fixture.close()
    }

    @Test("A delete does not wait for a start that is under way")
    func interrupted() async throws {
        let fixture = try ManagerFixture()
        try await fixture.run { try await fixture.perform($0, Requests.run()) }
        try await interrupted(fixture, at: .reboot, during: Requests.of(Requests.id, "reboot_instance"))
        try await fixture.run { [self] manager in
            await fixture.clock.sleeper(for: Self.look)
            try await fixture.submit(manager, Requests.of(Requests.id, "terminate_instance"))
            await looks(1, fixture)
            await fixture.idle()
        }
        #expect(try await fixture.instance(id) == nil)
        #expect(try await fixture.driver.instances().isEmpty)
        await fixture.close()
    }
}
