// SPDX-License-Identifier: Apache-2.0

import ComputeDriver
import ComputeManager
import ComputeModel
import FakeDriver
import Testing
import WorkerStore

/// One operation that asks the driver for one thing, with what must have been done before.
struct GuestTransition: Sendable, CustomStringConvertible {
    let method: String
    let call: DriverOperation
    let before: String?
    let task: TaskState
    let from: VMState
    let to: VMState

    /// Whether nova puts the instance into ERROR where the driver fails.
    var failsIntoError: Bool { [.suspend, .rescue, .unrescue].contains(call) }

    var description: String { method }

    static let all: [GuestTransition] = [
        .init(method: "pause_instance", call: .pause, before: nil, task: .pausing, from: .active, to: .paused),
        .init(
            method: "unpause_instance", call: .unpause, before: "pause_instance", task: .unpausing, from: .paused,
            to: .active),
        .init(method: "suspend_instance", call: .suspend, before: nil, task: .suspending, from: .active, to: .suspended),
        .init(
            method: "resume_instance", call: .resume, before: "suspend_instance", task: .resuming, from: .suspended,
            to: .active),
        .init(method: "rescue_instance", call: .rescue, before: nil, task: .rescuing, from: .active, to: .rescued),
        .init(
            method: "unrescue_instance", call: .unrescue, before: "rescue_instance", task: .unrescuing, from: .rescued,
            to: .active),
    ]

    /// The requests that bring an instance to where the operation begins.
    var prologue: [[UInt8]] {
        [Requests.run()] + (before.map { [Requests.of(Requests.id, $0)] } ?? [])
    }

    var body: [UInt8] { Requests.of(Requests.id, method, message: "m1") }
}

@Suite("Pause, suspend, rescue and their ways back", .timeLimit(.minutes(1)))
struct GuestTransitionTests {
    private let id = InstanceID(bits: Requests.instanceID)

    private func begun(_ transition: GuestTransition, _ fixture: ManagerFixture) async throws {
        try await fixture.run { manager in
            for body in transition.prologue { try await fixture.perform(manager, body) }
        }
        #expect(try await fixture.instance(id)?.vmState == transition.from)
    }

    @Test("A failure clears the task and is told under the method's name; a suspend or a rescue that fails ends in ERROR",
        arguments: GuestTransition.all)
    func failure(_ transition: GuestTransition) async throws {
        let fixture = try ManagerFixture()
        try await begun(transition, fixture)
        fixture.driver.faults.plan(.fail(ComputeFault(.hypervisorFailure, "no")), for: transition.call)
        try await fixture.run { try await fixture.perform($0, transition.body) }
        let row = try #require(try await fixture.instance(id))
        #expect(row.taskState == nil)
        #expect(row.vmState == (transition.failsIntoError ? .error : transition.from))
        #expect(try await fixture.eventTypes().last == transition.method)
        let reply = try #require(try await fixture.outbox().first { $0.kind == .reply })
        #expect(try JSONParser.parse(reply.body)["failure"] == "hypervisorFailure")
        await fixture.close()
    }

    @Test("A task that holds the instance makes it fail before anything is done; a resume does not look, as in nova",
        arguments: GuestTransition.all)
    func unexpectedTask(_ transition: GuestTransition) async throws {
        let fixture = try ManagerFixture()
        try await begun(transition, fixture)
        let id = id
        try await fixture.store.write { transaction in
            guard var row = try transaction.instance(id) else { return }
            row.instance.taskState = .deleting
            try transaction.save(row)
        }
        try await fixture.run { try await fixture.perform($0, transition.body) }
        let row = try #require(try await fixture.instance(id))
        if transition.call == .resume {
            #expect(row.vmState == .active)
        } else {
            #expect(row.taskState == .deleting)
            #expect(row.vmState == transition.from)
            #expect(fixture.driver.faults.calls(of: transition.call) == 0)
            let last = try #require(try await fixture.events().last)
            #expect(last["payload"]?["exception"]?["kwargs"]?["actual"] == "deleting")
        }
        await fixture.close()
    }

    @Test("What a restart finds undone is done", arguments: GuestTransition.all)
    func restartBefore(_ transition: GuestTransition) async throws {
        let fixture = try ManagerFixture()
        try await begun(transition, fixture)
        try await fixture.interrupt(at: transition.call, during: transition.body)
        #expect(try await fixture.instance(id)?.taskState == transition.task)
        try await fixture.restart()
        let row = try #require(try await fixture.instance(id))
        #expect(row.vmState == transition.to)
        #expect(row.taskState == nil)
        #expect(row.powerState == (try await fixture.driver.info(id).powerState))
        await fixture.close()
    }

    @Test("What had its effect before a restart is not done twice", arguments: GuestTransition.all)
    func restartAfter(_ transition: GuestTransition) async throws {
        let fixture = try ManagerFixture()
        try await begun(transition, fixture)
        try await fixture.interrupt(at: transition.call, during: transition.body)
        let row = try #require(try await fixture.instance(id))
        try await effect(transition.call, row, fixture.driver)
        let guest = try await fixture.driver.info(id)
        let calls = fixture.driver.faults.calls(of: transition.call)
        try await fixture.restart()
        #expect(try await fixture.instance(id)?.vmState == transition.to)
        #expect(try await fixture.driver.info(id) == guest)
        // What the guest's power state shows is not even asked for again.
        let isShown: Set<DriverOperation> = [.pause, .unpause, .resume]
        #expect(fixture.driver.faults.calls(of: transition.call) == calls + (isShown.contains(transition.call) ? 0 : 1))
        await fixture.close()
    }

    private func effect(_ call: DriverOperation, _ instance: Instance, _ driver: FakeDriver) async throws {
        switch call {
        case .pause: try await driver.pause(instance)
        case .unpause: try await driver.unpause(instance)
        case .suspend: try await driver.suspend(instance)
        case .resume: try await driver.resume(instance)
        case .rescue: try await driver.rescue(RescueRequest(instance: instance, image: nil))
        case .unrescue: try await driver.unrescue(GuestRequest(instance: instance))
        default: Issue.record("no effect of \(call)")
        }
    }

    @Test("A delete takes its place while the driver works", arguments: GuestTransition.all)
    func superseded(_ transition: GuestTransition) async throws {
        let fixture = try ManagerFixture()
        try await begun(transition, fixture)
        let point = fixture.driver.faults.hang(transition.call, call: fixture.driver.faults.calls(of: transition.call) + 1)
        let entry = try await fixture.run { manager in
            let entries = try await fixture.submit(manager, transition.body)
            await point.reached()
            try await fixture.submit(manager, Requests.of(Requests.id, "terminate_instance"))
            point.release()
            await fixture.idle()
            return entries[0]
        }
        #expect(try await fixture.finished(entry)?.outcome == .superseded)
        #expect(try await fixture.instance(id) == nil)
        #expect(try await fixture.driver.instances().isEmpty)
        let types = try await fixture.eventTypes()
        #expect(types.contains(transition.method))
        #expect(types.last == "compute.instance.delete.end")
        await fixture.close()
    }

    @Test("A driver that has no such operation is not asked for anything, and nothing is written",
        arguments: GuestTransition.all)
    func unsupported(_ transition: GuestTransition) async throws {
        let fixture = try ManagerFixture()
        try await fixture.run(plain: true) { try await fixture.perform($0, transition.body) }
        #expect(try await fixture.instance(id) == nil)
        #expect(fixture.driver.faults.calls(of: .info) == 0)
        let reply = try #require(try await fixture.outbox().first { $0.kind == .reply })
        #expect(try JSONParser.parse(reply.body)["failure"] == "unsupportedOperation")
        await fixture.close()
    }

    @Test("The row of a rescued instance says since when and from which image, until it is not rescued any more")
    func rescueIsKept() async throws {
        let fixture = try ManagerFixture { $0.rescueImages.imageID = "rescuer" }
        let id = id
        try await fixture.run { manager in
            try await fixture.perform(
                manager, Requests.run(), Requests.of(Requests.id, "rescue_instance", ["rescue_password": "PW-CANARY"]))
            let kept = try await fixture.store.read { try $0.instance(id)?.details["rescue"] }
            #expect(kept?["image_ref"] == "rescuer")
            #expect(fixture.driver.guest(id)?.rescue?.password?.reveal() == "PW-CANARY")
            #expect(kept?["since"]?.string.flatMap { Timestamp($0) } != nil)
            try await fixture.perform(manager, Requests.of(Requests.id, "unrescue_instance"))
        }
        #expect(try await fixture.store.read { try $0.instance(id)?.details["rescue"] } == nil)
        #expect(try await !fixture.outbox().contains { String(decoding: $0.body, as: UTF8.self).contains("PW-CANARY") })
        #expect(!fixture.logs.all.contains { $0.contains("PW-CANARY") })
        await fixture.close()
    }

    @Test("A rescue, its way back and a rebuild ask the network service what the instance has, and tell the driver")
    func network() async throws {
        let fixture = try ManagerFixture()
        let asked = FakePeers()
        let id = id
        try await fixture.run(peers: asked.peers) { manager in
            try await fixture.perform(manager, Requests.run())
            let before = asked.calls.count
            for method in ["rescue_instance", "unrescue_instance"] {
                try await fixture.perform(manager, Requests.of(Requests.id, method))
            }
            try await fixture.perform(
                manager,
                JSONWriter.bytes([
                    "method": "rebuild_instance", "version": "2.1",
                    "args": ["instance": .object(Requests.instance), "image_ref": "other"],
                ]))
            #expect(asked.calls.dropFirst(before) == Array(repeating: "get_instance_nw_info", count: 3)[...])
            #expect(try await fixture.store.read { try $0.instance(id)?.networkInfo } == [FakePeers.address])
        }
        let end = try #require(try await fixture.events().last)
        #expect(end["event_type"] == "compute.instance.rebuild.end")
        #expect(end["payload"]?["fixed_ips"]?.array?.first?["address"] == "192.0.2.7")
        await fixture.close()
    }
}
