// SPDX-License-Identifier: Apache-2.0

import ComputeDriver
import ComputeManager
import ComputeModel
import FakeDriver
import Logging
import Testing
import WorkerStore

@Suite("A cast that comes a hundred times is done once", .timeLimit(.minutes(1)))
struct RepeatTests {
    private let id = InstanceID(bits: Requests.instanceID)

    /// One seed, one order.
    private struct Dice: RandomNumberGenerator {
        var state: UInt64
        mutating func next() -> UInt64 {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return state ^ (state >> 29)
        }
    }

    private static let wishes = [
        ("run_instance", Requests.run()), ("stop_instance", Requests.of(Requests.id, "stop_instance")),
        ("reboot_instance", Requests.of(Requests.id, "reboot_instance")),
        ("terminate_instance", Requests.of(Requests.id, "terminate_instance")),
    ]

    private func message(_ wish: Int, hasID: Bool, redelivered: Bool, connection: UInt64) -> IncomingMessage {
        let (method, body) = Self.wishes[wish]
        let summary = MessageSummary(
            form: hasID ? .enveloped : .flat, method: method, version: "2.0", uniqueID: hasID ? "wish-\(wish)" : nil,
            instance: id)
        return IncomingMessage(
            token: AcknowledgementToken(generation: connection, number: 1), body: body, size: body.count,
            isRedelivered: redelivered, scan: .success(summary))
    }

    @Test(
        "In any order, with an id or without: one effect, one set of events",
        arguments: [UInt64](1...6), [true, false])
    func hundred(seed: UInt64, hasID: Bool) async throws {
        let fixture = try ManagerFixture()
        let log = EventLog<IntakeEvent>()
        let source = IntakeSource(log: log)
        let wishes = Self.wishes.indices
        try await fixture.run { [self] manager in
            let intake = Intake(
                source: source, sink: fixture.sink, encoder: fixture.wire, router: manager.router, work: manager.work,
                store: fixture.store, clock: fixture.clock,
                logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { try await intake.run() }
                var dice = Dice(state: seed)
                // Each is done before the next is asked for, with its repeats coming all the time; a message without an
                // id comes again over another connection only.
                for wish in wishes {
                    source.feed([message(wish, hasID: hasID, redelivered: false, connection: UInt64(wish + 1))])
                    for _ in 0..<(wish == wishes.last ? 30 : 10) {
                        let connection = hasID ? 1 : UInt64.random(in: 1000 ... .max, using: &dice)
                        let repeats = wishes.prefix(wish + 1).shuffled(using: &dice)
                        source.feed(
                            repeats.map {
                                message(
                                    $0, hasID: hasID, redelivered: !hasID || Bool.random(using: &dice),
                                    connection: connection)
                            })
                    }
                    _ = await fixture.store.wait { $0.finished == wish + 1 && $0.unfinished == 0 }
                }
                source.feed(
                    (0..<100).map { _ in
                        message(wishes.randomElement(using: &dice) ?? 0, hasID: true, redelivered: true, connection: 1)
                    }.filter { _ in hasID })
                source.close()
                try await group.waitForAll()
            }
            await fixture.idle()
        }
        #expect(fixture.driver.faults.calls(of: .spawn) == 1)
        #expect(fixture.driver.faults.calls(of: .powerOff) == 1)
        #expect(fixture.driver.faults.calls(of: .reboot) == 1)
        #expect(fixture.store.levels.finished == wishes.count)
        #expect(try await fixture.instance(id) == nil)
        #expect(
            try await fixture.eventTypes() == [
                "create.start", "create.end", "power_off.start", "power_off.end", "reboot.start", "reboot.end",
                "delete.start", "shutdown.start", "shutdown.end", "delete.end",
            ].map { "compute.instance.\($0)" })
        await fixture.close()
    }

    @Test(
        "A second build of an instance that runs leaves it alone while the hypervisor can't be asked",
        arguments: [ComputeFault.Kind.unavailable, .timeout, .hypervisorFailure])
    func secondBuildInAnOutage(kind: ComputeFault.Kind) async throws {
        let fixture = try ManagerFixture()
        try await fixture.run { manager in
            try await fixture.perform(manager, Requests.run())
            let row = try await fixture.instance(id)
            fixture.driver.faults.plan(.fail(ComputeFault(kind, "away")), for: .info)
            try await fixture.perform(manager, Requests.run())
            #expect(try await fixture.instance(id) == row)
        }
        #expect(try await fixture.eventTypes().last == "run_instance")
        await fixture.close()
    }

    @Test("A second build of an instance that runs is told to its sender, and costs the guest nothing")
    func secondBuild() async throws {
        let fixture = try ManagerFixture()
        try await fixture.run { manager in
            try await fixture.perform(manager, Requests.run())
            let (row, boot) = (try await fixture.instance(id), try await fixture.driver.info(id).bootIdentity)
            let entry = try await fixture.submit(
                manager, Requests.of(Requests.id, "run_instance", Requests.retry, message: "m1"))[0]
            await fixture.idle()
            #expect(try await fixture.finished(entry)?.outcome == .failed)
            #expect(try await fixture.instance(id) == row)
            #expect(try await fixture.driver.info(id).bootIdentity == boot)
        }
        #expect(fixture.driver.faults.calls(of: .spawn) == 1)
        #expect(fixture.driver.faults.calls(of: .destroy) == 0)
        #expect(try await fixture.resources(id).count == 2)
        // The caller gets the failure, listeners its error event; no other scheduler is asked to build it.
        let messages = try await fixture.outbox()
        let reply = try #require(messages.first { $0.kind == .reply })
        #expect(try JSONParser.parse(reply.body)["failure"] == "instanceExists")
        #expect(try await fixture.eventTypes().last == "run_instance")
        #expect(!messages.contains { $0.kind == .cast })
        await fixture.close()
    }
}
