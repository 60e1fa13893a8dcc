// SPDX-License-Identifier: Apache-2.0

import ComputeDriver
import ComputeManager
import ComputeModel
import FakeDriver
import Foundation
import Testing
import WorkerStore

@Suite("A delete meets a build at each of its points, and the end is the same", .timeLimit(.minutes(2)))
struct InterleavingTests {
    private let id = InstanceID(bits: Requests.instanceID)

    /// How the build's driver calls go.
    enum Course: CaseIterable, Sendable {
        case well, spawnFails, answerIsLost, guestStays

        func plan(_ faults: FaultPlan) {
            let fault = ComputeFault(.hypervisorFailure, "no")
            switch self {
            case .well: break
            case .spawnFails: faults.plan(.fail(fault), for: .spawn, call: 1)
            case .answerIsLost: faults.plan(.failAfterwards(fault), for: .spawn, call: 1)
            case .guestStays:
                faults.plan(.failAfterwards(fault), for: .spawn, call: 1)
                faults.plan(.fail(fault), for: .destroy, call: 1)
            }
        }
    }

    private static let run = Requests.run(Requests.id, Requests.retry)
    private static let terminate = Requests.of(Requests.id, "terminate_instance")

    /// Deleted, and nothing left behind: no guest, no row, no resource, no build elsewhere, no event after the last.
    private func expectDeleted(
        _ fixture: ManagerFixture, isDriven: Bool = false, _ comment: Comment
    ) async throws {
        let guests = try await fixture.driver.instances()
        #expect(guests.isEmpty, comment)
        async let look = fixture.store.read { store in
            (
                try store.instances().count, try store.resources().count,
                try store.outbox(limit: 1000).map(\.message)
            )
        }
        if isDriven { while !fixture.store.readNext() { await Task.yield() } }
        let (rows, resources, outbox) = try await look
        #expect(rows == 0, comment)
        #expect(resources == 0, comment)
        #expect(!outbox.contains { $0.kind == .cast }, comment)
        let types = outbox.compactMap { try? JSONParser.parse($0.body)["event_type"]?.string }
        #expect(types.last == "compute.instance.delete.end", comment)
        for event in ["delete.start", "shutdown.start", "shutdown.end", "delete.end"] {
            #expect(types.filter { $0 == "compute.instance.\(event)" }.count == 1, comment)
        }
        let beginnings = types.filter { $0 == "compute.instance.create.start" }.count
        let ends = types.filter { $0 == "compute.instance.create.end" || $0 == "run_instance" }.count
        #expect(beginnings <= 1, comment)
        #expect(ends <= 1, comment)
        #expect(fixture.store.levels.unfinished == 0, comment)
    }

    @Test("It is asked for before each step of the store", arguments: 0..<20, [Course.well, .spawnFails, .answerIsLost])
    func everyStep(step: Int, course: Course) async throws {
        let (work, worked) = AsyncStream<Void>.makeStream(bufferingPolicy: .bufferingNewest(1))
        let fixture = try ManagerFixture(store: {
            $0.threads = .driven
            $0.onWork = { worked.yield() }
        })
        course.plan(fixture.driver.faults)
        let manager = fixture.makeManager()
        let (signals, signal) = AsyncStream<Void>.makeStream()
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await manager.run() }
            group.addTask {
                try await fixture.submit(manager, Self.run)
                for await _ in signals {}
                try await fixture.submit(manager, Self.terminate)
            }
            var steps = 0
            for await _ in work {
                while fixture.store.pendingWork.writes + fixture.store.pendingWork.reads > 0 {
                    if steps == step { signal.finish() }
                    steps += 1
                    if fixture.store.pendingWork.writes > 0 {
                        fixture.store.commitPending()
                    } else {
                        fixture.store.readNext()
                    }
                }
                // Where the build had fewer steps, the delete comes after it.
                if fixture.store.levels.finished == 1 { signal.finish() }
                if fixture.store.levels.finished == 2 { break }
            }
            manager.drain()
            worked.finish()
            try await group.waitForAll()
        }
        try await expectDeleted(fixture, isDriven: true, "before step \(step), \(course)")
        await fixture.close()
    }

    /// A call of the driver at which the build waits.
    struct Point: Sendable {
        let operation: DriverOperation
        let call: Int
        let course: Course
    }

    private static let points = [
        Point(operation: .info, call: 1, course: .well), Point(operation: .spawn, call: 1, course: .well),
        Point(operation: .info, call: 2, course: .well), Point(operation: .spawn, call: 1, course: .answerIsLost),
        Point(operation: .destroy, call: 1, course: .spawnFails),
        Point(operation: .destroy, call: 1, course: .answerIsLost),
        Point(operation: .destroy, call: 1, course: .guestStays),
    ]

    @Test(
        "It is asked for while a driver call of the build is under way, and the call ends so or so",
        arguments: points, [true, false])
    func everyCall(point: Point, endsWell: Bool) async throws {
        let fixture = try ManagerFixture()
        let hanging = fixture.driver.faults.hang(point.operation, call: point.call)
        point.course.plan(fixture.driver.faults)
        try await fixture.run { manager in
            try await fixture.submit(manager, Self.run)
            await hanging.reached()
            try await fixture.submit(manager, Self.terminate)
            hanging.release(throwing: endsWell ? nil : ComputeFault(.hypervisorFailure, "no"))
            await fixture.idle()
        }
        try await expectDeleted(fixture, "\(point), \(endsWell)")
        await fixture.close()
    }

    @Test("The worker dies in a driver call of the build, and the delete is there at the restart", arguments: points)
    func everyCrash(point: Point) async throws {
        let fixture = try ManagerFixture()
        fixture.driver.faults.plan(.delay(.seconds(3600)), for: point.operation, call: point.call)
        point.course.plan(fixture.driver.faults)
        try await fixture.run { manager in
            try await fixture.submit(manager, Self.run)
            await fixture.clock.sleeper(for: .seconds(3600))
        }
        // A stop that comes when the guest runs finishes the build.
        #expect(fixture.store.levels.unfinished == 1 || point.operation == .info && point.call == 2)
        try await fixture.submit(nil, Self.terminate)
        try await fixture.run { _ in await fixture.idle() }
        try await expectDeleted(fixture, "\(point)")
        await fixture.close()
    }

    @Test("It comes before the build, which was asked for earlier: the build is not begun", arguments: [false, true])
    func buildComesLate(isRestarted: Bool) async throws {
        let fixture = try ManagerFixture()
        let now = SystemWallClock().now()
        try await fixture.run { manager in
            try await fixture.perform(manager, Self.terminate)
            if !isRestarted { try await fixture.perform(manager, try Self.asked(at: now)) }
        }
        if isRestarted { try await fixture.run { try await fixture.perform($0, try Self.asked(at: now)) } }
        #expect(try await fixture.instance(id) == nil)
        #expect(fixture.driver.faults.calls(of: .spawn) == 0)
        #expect(try await fixture.resources(id).isEmpty)
        // Its sender hears of it; nothing else is told of an instance that is gone.
        let types = try await fixture.eventTypes()
        #expect(types.suffix(2) == ["compute.instance.delete.end", "run_instance"])
        // One that is asked for later is another wish.
        try await fixture.run { try await fixture.perform($0, try Self.asked(at: now.advanced(bySeconds: 3600))) }
        #expect(try await fixture.instance(id)?.vmState == .active)
        await fixture.close()
    }

    private static func asked(at moment: Timestamp) throws -> [UInt8] {
        var object = try #require(try JSONParser.parse(run).object)
        object["_context_timestamp"] = .string(moment.iso)
        return JSONWriter.bytes(.object(object))
    }

    @Test("The worker dies in the delete", arguments: Course.allCases)
    func crashedDelete(course: Course) async throws {
        let fixture = try ManagerFixture()
        course.plan(fixture.driver.faults)
        try await fixture.run { try await fixture.perform($0, Self.run) }
        let call = fixture.driver.faults.calls(of: .destroy) + 1
        fixture.driver.faults.plan(.delay(.seconds(3600)), for: .destroy, call: call)
        try await fixture.run { manager in
            try await fixture.submit(manager, Self.terminate)
            await fixture.clock.sleeper(for: .seconds(3600))
        }
        try await fixture.run { _ in await fixture.idle() }
        try await expectDeleted(fixture, "\(course)")
        await fixture.close()
    }
}
