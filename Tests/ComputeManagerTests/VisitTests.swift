// SPDX-License-Identifier: Apache-2.0

import ComputeDriver
@testable import ComputeManager
import ComputeModel
import FakeDriver
import Synchronization
import Testing
import WorkerStore

@Suite("Visits in a lane", .timeLimit(.minutes(1)))
struct VisitTests {
    private let id = InstanceID(bits: Requests.instanceID)

    /// Remembers what was seen, and by whom, in order.
    private final class Notes: Sendable {
        private let lines = Mutex<[String]>([])
        var all: [String] { lines.withLock { $0 } }
        func add(_ line: String) { lines.withLock { $0.append(line) } }
    }

    @Test("A visit begins when the operation before it has ended, and what comes later waits for it")
    func turn() async throws {
        let fixture = try ManagerFixture()
        let notes = Notes()
        let point = fixture.driver.faults.hang(.spawn)
        let inside = HangPoint()
        try await fixture.run { manager in
            let dispatcher = try #require(manager.work as? Dispatcher)
            try await fixture.submit(manager, Requests.run())
            await point.reached()
            dispatcher.visit(id) {
                notes.add("power \(String(describing: try? await fixture.driver.info(id).powerState))")
                try? await inside.wait()
                notes.add("reboots \(fixture.driver.faults.calls(of: .reboot))")
            }
            try await fixture.submit(manager, Requests.of(Requests.id, "reboot_instance"))
            #expect(notes.all.isEmpty)
            point.release()
            await inside.reached()
            inside.release()
            await fixture.idle()
        }
        #expect(notes.all == ["power Optional(ComputeModel.PowerState.running)", "reboots 0"])
        #expect(fixture.driver.faults.calls(of: .reboot) == 1)
        await fixture.close()
    }

    @Test("Visits that hang hold up no operation of another instance")
    func others() async throws {
        let fixture = try ManagerFixture()
        let points = (0..<20).map { _ in HangPoint() }
        try await fixture.run { manager in
            let dispatcher = try #require(manager.work as? Dispatcher)
            for (number, point) in points.enumerated() {
                dispatcher.visit(InstanceID(bits: UniqueBits(high: 7, low: UInt64(number)))) { try? await point.wait() }
            }
            await points[0].reached()
            try await fixture.submit(manager, Requests.run())
            await fixture.idle()
            for point in points { point.release() }
        }
        #expect(try await fixture.instance(id)?.vmState == .active)
        await fixture.close()
    }

    @Test("What waits is dropped when the worker drains")
    func drain() async throws {
        let fixture = try ManagerFixture()
        let notes = Notes()
        let point = fixture.driver.faults.hang(.spawn)
        let manager = fixture.makeManager()
        let dispatcher = try #require(manager.work as? Dispatcher)
        try await fixture.submit(manager, Requests.run())
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await manager.run() }
            await point.reached()
            dispatcher.visit(id) { notes.add("visited") }
            manager.drain()
            point.release()
            try await group.waitForAll()
        }
        #expect(notes.all.isEmpty)
        #expect(try await fixture.instance(id)?.vmState == .active)
        await fixture.close()
    }
}
