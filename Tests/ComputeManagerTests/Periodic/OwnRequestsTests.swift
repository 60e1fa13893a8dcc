// SPDX-License-Identifier: Apache-2.0

import ComputeModel
import FakeDriver
import Testing
import WorkerStore

@testable import ComputeManager

@Suite("Requests of the worker's own", .timeLimit(.minutes(1)))
struct OwnRequestsTests {
    private let id = InstanceID(bits: Requests.instanceID)

    @Test("A request of its own is journaled, done in its lane, and told like one that arrived")
    func done() async throws {
        let fixture = try ManagerFixture()
        try await fixture.run { manager in
            try await fixture.perform(manager, Requests.run())
            let instance = try #require(try await fixture.instance(id))
            let outcome = try await manager.ownRequests.submit(
                "reboot_instance", instance, arguments: ["reboot_type": "HARD"])
            await fixture.idle()
            guard case .submitted(let entry) = outcome else {
                Issue.record("not submitted")
                return
            }
            let finished = try await fixture.store.read { try $0.finishedEntry(entry) }
            #expect(finished?.outcome == .succeeded && finished?.operation == "reboot_instance")
        }
        let types = try await fixture.eventTypes().suffix(2)
        #expect(types == ["compute.instance.reboot.start", "compute.instance.reboot.end"])
        await fixture.close()
    }

    @Test("A tick that repeats asks once while the first is unfinished, across a restart too, and again afterwards")
    func once() async throws {
        let fixture = try ManagerFixture()
        try await fixture.run { try await fixture.perform($0, Requests.run()) }
        let instance = try #require(try await fixture.instance(id))
        // No run(): the request is journaled and stays.
        let idle = fixture.makeManager()
        guard case .submitted(let first) = try await idle.ownRequests.submit("reboot_instance", instance) else {
            Issue.record("not submitted")
            return
        }
        #expect(try await idle.ownRequests.submit("reboot_instance", instance) == .underWay(first))
        #expect(try await fixture.makeManager().ownRequests.submit("reboot_instance", instance) == .underWay(first))
        try await fixture.run { manager in
            await fixture.idle()
            #expect(try await fixture.store.read { try $0.finishedEntry(first) }?.outcome == .succeeded)
            let second = try await manager.ownRequests.submit("reboot_instance", instance)
            #expect(second != .underWay(first))
            await fixture.idle()
        }
        #expect(try await fixture.eventTypes().filter { $0 == "compute.instance.reboot.end" }.count == 2)
        await fixture.close()
    }

    @Test("What the dialect has no method for is refused, and nothing is journaled")
    func unknown() async throws {
        let fixture = try ManagerFixture()
        let manager = fixture.makeManager()
        let instance = try Instance(fields: Requests.instance)
        for method in ["no_such_method", "get_console_output"] {
            await #expect(throws: ComputeFault.self) { try await manager.ownRequests.submit(method, instance) }
        }
        #expect(fixture.store.levels.unfinished == 0)
        await fixture.close()
    }
}
