// SPDX-License-Identifier: Apache-2.0

import ComputeDriver
import ComputeModel
import FakeDriver
import Testing
import WorkerStore

@testable import ComputeManager

@Suite("A delete that fails for a reason that may pass", .timeLimit(.minutes(1)))
struct DeleteRetryTests {
    private static let ends = ["delete.start", "shutdown.start", "shutdown.end", "delete.end"].map {
        "compute.instance.\($0)"
    }

    private let id = InstanceID(bits: Requests.instanceID)
    private let other = "00000000-0000-4000-8000-000000000002"
    private var delete: [UInt8] { Requests.of(Requests.id, "terminate_instance") }

    private func fail(_ fixture: ManagerFixture, _ kind: ComputeFault.Kind, calls: ClosedRange<Int>) {
        fixture.driver.faults.plan(.fail(ComputeFault(kind, "stuck")), for: .destroy, calls: calls)
    }

    private func passSeconds(_ count: Int, _ fixture: ManagerFixture) async {
        for _ in 0..<count {
            await fixture.clock.sleeper(for: .seconds(1))
            fixture.clock.advance(by: .seconds(1))
        }
    }

    @Test(
        "It is tried again after 1, 2 and 4 seconds, ends with its events once each, and its journal row says why it waits",
        arguments: [ComputeFault.Kind.hypervisorFailure, .instanceTerminationFailure])
    func passes(_ kind: ComputeFault.Kind) async throws {
        let fixture = try ManagerFixture()
        fail(fixture, kind, calls: 1...3)
        try await fixture.run { [self] manager in
            try await fixture.perform(manager, Requests.run())
            let entry = try await fixture.submit(manager, delete)[0]
            await passSeconds(3, fixture)
            await fixture.clock.sleeper(for: .seconds(1))
            #expect(fixture.driver.faults.calls(of: .destroy) == 3)
            let waiting = try #require(try await fixture.store.read { try $0.entry(entry.id) })
            #expect(waiting.lastError == "stuck")
            #expect(waiting.attempts == 3)
            #expect(try await manager.cancel(entry.id) == .irrevocable)
            await passSeconds(4, fixture)
            await fixture.idle()
            #expect(try await fixture.finished(entry)?.outcome == .succeeded)
        }
        #expect(try await fixture.instance(id) == nil)
        #expect(try await fixture.driver.instances().isEmpty)
        #expect(try await fixture.eventTypes().suffix(4) == Self.ends)
        await fixture.close()
    }

    @Test("A network service that is silent for minutes ends none, and the guest goes after its addresses")
    func silentNetwork() async throws {
        let scene = try PeerScene()
        try await scene.run { [self] manager in
            try await scene.fixture.perform(manager, PeerScene.build())
            scene.asked.set("deallocate_for_instance", .deaf)
            let entry = try await scene.fixture.submit(manager, delete)[0]
            while scene.asked.calls.count(where: { $0 == "deallocate_for_instance" }) < 4 {
                try await scene.fixture.step(by: .seconds(1))
            }
            #expect(scene.fixture.driver.faults.calls(of: .destroy) == 0)
            let waiting = try #require(try await scene.fixture.store.read { try $0.entry(entry.id) })
            #expect(waiting.lastError?.contains("network") == true)
            scene.asked.set("deallocate_for_instance", nil)
            while scene.fixture.store.levels.unfinished > 0 { try await scene.fixture.step(by: .seconds(1)) }
        }
        #expect(scene.asked.addressed.isEmpty && scene.asked.holders.isEmpty && scene.asked.connected.isEmpty)
        #expect(try await scene.row() == nil)
        #expect(try await scene.fixture.eventTypes().suffix(4) == Self.ends)
        await scene.fixture.close()
    }

    @Test("A volume service that is away ends none either")
    func volumes() async throws {
        let scene = try PeerScene()
        try await scene.run { [self] manager in
            try await scene.fixture.perform(manager, PeerScene.build())
            scene.asked.set("detach_volume", .fault(ComputeFault(.unavailable, "away")))
            try await scene.fixture.submit(manager, delete)
            await passSeconds(2, scene.fixture)
            scene.asked.set("detach_volume", nil)
            while scene.fixture.store.levels.unfinished > 0 { try await scene.fixture.step(by: .seconds(1)) }
        }
        #expect(scene.asked.holders.isEmpty)
        #expect(try await scene.row() == nil)
        #expect(try await scene.fixture.eventTypes().suffix(4) == Self.ends)
        await scene.fixture.close()
    }

    @Test("One that fails for longer than it may is in ERROR, its task stays, it is told once, and a second one helps")
    func bound() async throws {
        let fixture = try ManagerFixture { $0.deleteRetryTime = .seconds(100) }
        // After pauses of 1, 2, 4, 8, 16, 32 and 37 seconds.
        fail(fixture, .hypervisorFailure, calls: 1...8)
        try await fixture.run { [self] manager in
            try await fixture.perform(manager, Requests.run())
            let entry = try await fixture.submit(manager, delete)[0]
            while fixture.store.levels.unfinished > 0 { try await fixture.step(by: .seconds(1)) }
            #expect(fixture.driver.faults.calls(of: .destroy) == 8)
            #expect(try await fixture.finished(entry)?.outcome == .failed)
            #expect(try await fixture.instance(id)?.vmState == .error)
            #expect(try await fixture.instance(id)?.taskState == .deleting)
            #expect(try await fixture.eventTypes().count { $0 == "terminate_instance" } == 1)
            try await fixture.perform(manager, delete)
        }
        #expect(try await fixture.instance(id) == nil)
        #expect(try await fixture.driver.instances().isEmpty)
        await fixture.close()
    }

    @Test("While it waits its slot is another's")
    func slot() async throws {
        let fixture = try ManagerFixture { $0.operationSlots = 1 }
        fail(fixture, .hypervisorFailure, calls: 1...2)
        try await fixture.run { [self] manager in
            try await fixture.perform(manager, Requests.run(), Requests.run(other))
            try await fixture.submit(manager, delete)
            await fixture.clock.sleeper(for: .seconds(1))
            try await fixture.submit(manager, Requests.of(other, "reboot_instance"))
            _ = await fixture.store.wait { $0.unfinished == 1 }
            #expect(fixture.driver.faults.calls(of: .reboot) == 1)
            await passSeconds(3, fixture)
            await fixture.idle()
        }
        #expect(try await fixture.instance(id) == nil)
        await fixture.close()
    }

    @Test("A stop of the worker does not wait for a long pause; the next start goes on")
    func stop() async throws {
        let fixture = try ManagerFixture()
        fail(fixture, .hypervisorFailure, calls: 1...5)
        try await fixture.run { try await fixture.perform($0, Requests.run()) }
        let manager = fixture.makeManager()
        try await withThrowingTaskGroup(of: Void.self) { [self] group in
            group.addTask { try await manager.run() }
            try await fixture.submit(manager, delete)
            // Into the pause of 16 seconds.
            await passSeconds(16, fixture)
            await fixture.clock.sleeper(for: .seconds(1))
            manager.drain()
            await passSeconds(1, fixture)
            try await group.waitForAll()
        }
        #expect(fixture.store.levels.unfinished == 1)
        try await fixture.restart()
        #expect(try await fixture.instance(id) == nil)
        #expect(try await fixture.eventTypes().suffix(4) == Self.ends)
        await fixture.close()
    }
}
