// SPDX-License-Identifier: Apache-2.0

import ComputeDriver
import ComputeManager
import ComputeModel
import FakeDriver
import Testing
import WorkerStore

@Suite("Operations on an instance", .timeLimit(.minutes(1)))
struct OperationsTests {
    private let id = InstanceID(bits: Requests.instanceID)

    @Test(
        "Each power operation ends in nova's states with nova's events",
        arguments: [
            ("stop_instance", "power_off", VMState.stopped, PowerState.shutdown),
            ("power_off_instance", "power_off", .softDeleted, .shutdown),
            ("start_instance", "power_on", .active, .running), ("power_on_instance", "power_on", .active, .running),
        ])
    func power(_ method: String, _ event: String, _ vmState: VMState, _ power: PowerState) async throws {
        let fixture = try ManagerFixture()
        try await fixture.run { manager in
            try await fixture.perform(manager, Requests.run(), Requests.of(Requests.id, method))
        }
        let instance = try #require(try await fixture.instance(id))
        #expect(instance.vmState == vmState)
        #expect(instance.powerState == power)
        #expect(instance.taskState == nil)
        #expect(
            try await fixture.eventTypes().suffix(2) == [
                "compute.instance.\(event).start", "compute.instance.\(event).end",
            ])
        await fixture.close()
    }

    @Test("A failed stop is told under both of nova's names, inner first, and clears the task")
    func failedStop() async throws {
        let fixture = try ManagerFixture()
        fixture.driver.faults.plan(.fail(ComputeFault(.hypervisorFailure, "no")), for: .powerOff)
        try await fixture.run { manager in
            try await fixture.perform(manager, Requests.run(), Requests.of(Requests.id, "stop_instance", message: "m1"))
        }
        #expect(try await fixture.eventTypes().suffix(2) == ["power_off_instance", "stop_instance"])
        #expect(try await fixture.instance(id)?.taskState == nil)
        #expect(try await fixture.instance(id)?.vmState == .active)
        let reply = try #require(try await fixture.outbox().first { $0.kind == .reply })
        #expect(try JSONParser.parse(reply.body)["failure"] == "hypervisorFailure")
        await fixture.close()
    }

    @Test("A task that holds the instance makes a stop fail before anything is done")
    func unexpectedTask() async throws {
        let fixture = try ManagerFixture()
        fixture.driver.faults.plan(.fail(ComputeFault(.internalError, "no")), for: .destroy)
        try await fixture.run { manager in
            try await fixture.perform(
                manager, Requests.run(), Requests.of(Requests.id, "terminate_instance"),
                Requests.of(Requests.id, "stop_instance"))
        }
        #expect(try await fixture.instance(id)?.taskState == .deleting)
        #expect(fixture.driver.faults.calls(of: .powerOff) == 0)
        let last = try #require(try await fixture.events().last)
        #expect(last["payload"]?["exception"]?["kind"] == "unexpectedTaskState")
        #expect(last["payload"]?["exception"]?["kwargs"]?["actual"] == "deleting")
        await fixture.close()
    }

    @Test("A reboot that fails ends with its error event, and nothing else of it is told")
    func failedReboot() async throws {
        let fixture = try ManagerFixture()
        fixture.driver.faults.plan(.fail(ComputeFault(.hypervisorFailure, "no")), for: .reboot)
        let entry = try await fixture.run { manager in
            try await fixture.perform(manager, Requests.run())
            let entries = try await fixture.submit(
                manager, Requests.of(Requests.id, "reboot_instance", ["reboot_type": "HARD"]))
            await fixture.idle()
            return entries[0]
        }
        #expect(
            try await fixture.eventTypes().suffix(2) == ["compute.instance.reboot.start", "reboot_instance"])
        #expect(try await fixture.instance(id)?.taskState == nil)
        #expect(try await fixture.finished(entry)?.outcome == .failed)
        let start = try #require(
            try await fixture.events().first { $0["event_type"] == "compute.instance.reboot.start" })
        #expect(start["payload"]?["state_description"] == "rebooting_hard")
        await fixture.close()
    }

    @Test("Terminate removes guest, row and what was written down")
    func terminate() async throws {
        let fixture = try ManagerFixture()
        try await fixture.run { manager in
            try await fixture.perform(manager, Requests.run(), Requests.of(Requests.id, "terminate_instance"))
        }
        #expect(try await fixture.instance(id) == nil)
        #expect(try await fixture.resources(id).isEmpty)
        #expect(try await fixture.driver.instances().isEmpty)
        await fixture.close()
    }

    @Test("Terminate of what nobody knows succeeds with its events")
    func terminateUnknown() async throws {
        let fixture = try ManagerFixture()
        try await fixture.run {
            try await fixture.perform($0, Requests.of(Requests.id, "terminate_instance", message: "m1"))
        }
        #expect(
            try await fixture.eventTypes() == [
                "compute.instance.delete.start", "compute.instance.shutdown.start", "compute.instance.shutdown.end",
                "compute.instance.delete.end",
            ])
        #expect(try await fixture.instance(id) == nil)
        let reply = try #require(try await fixture.outbox().first { $0.kind == .reply })
        #expect(try JSONParser.parse(reply.body) == ["result": nil, "failure": nil])
        await fixture.close()
    }

    @Test("A guest that was here before the worker is adopted with its first request")
    func adopts() async throws {
        let fixture = try ManagerFixture()
        let instance = try Instance(fields: Requests.instance)
        try await fixture.driver.spawn(SpawnRequest(instance: instance, image: nil))
        try await fixture.run { try await fixture.perform($0, Requests.of(Requests.id, "stop_instance")) }
        let row = try #require(try await fixture.instance(id))
        #expect(row.vmState == .stopped)
        #expect(row.host == ManagerFixture.host)
        await fixture.close()
    }

    @Test(
        "A request for an instance that nobody knows fails with InstanceNotFound and leaves no row",
        arguments: [
            "stop_instance", "start_instance", "power_on_instance", "power_off_instance", "reboot_instance",
        ])
    func notFound(_ method: String) async throws {
        let fixture = try ManagerFixture()
        try await fixture.run { try await fixture.perform($0, Requests.of(Requests.id, method, message: "m1")) }
        #expect(try await fixture.instance(id) == nil)
        let reply = try #require(try await fixture.outbox().first { $0.kind == .reply })
        #expect(try JSONParser.parse(reply.body)["failure"] == "instanceNotFound")
        #expect(try await fixture.eventTypes().last == method)
        await fixture.close()
    }

    @Test("A hypervisor that is away fails the request and concludes nothing")
    func unavailable() async throws {
        let fixture = try ManagerFixture()
        try await fixture.run { manager in
            try await fixture.perform(manager, Requests.run())
            fixture.driver.faults.plan(.fail(ComputeFault(.unavailable, "away")), for: .info)
            try await fixture.perform(manager, Requests.of(Requests.id, "reboot_instance"))
        }
        let row = try #require(try await fixture.instance(id))
        #expect(row.vmState == .active)
        #expect(row.powerState == .running)
        #expect(try await fixture.eventTypes().last == "reboot_instance")
        await fixture.close()
    }

    @Test("A sparse request refreshes what it names and leaves the rest")
    func sparse() async throws {
        let fixture = try ManagerFixture()
        let body = JSONWriter.bytes([
            "method": "stop_instance", "version": "2.0",
            "args": ["instance": ["uuid": .string(Requests.id), "display_name": "renamed"]],
        ])
        try await fixture.run { try await fixture.perform($0, Requests.run(), body) }
        let row = try #require(try await fixture.instance(id))
        #expect(row.displayName == "renamed")
        #expect(row.memoryMiB == 512)
        #expect(row.imageRef == "cirros")
        #expect(row.vmState == .stopped)
        await fixture.close()
    }

    @Test(
        "A request whose arguments can't be right is refused, told and answered",
        arguments: [
            #"{"method": "reboot_instance", "version": "2.0", "_msg_id": "m", "args": {"instance": {"uuid": "x"}}}"#,
            #"{"method": "stop_instance", "version": "2.0", "_msg_id": "m", "args": {}}"#,
            #"{"method": "stop_instance", "version": "2.0", "_msg_id": "m", "args": {"instance": []}}"#,
            #"{"method": "run_instance", "version": "2.0", "_msg_id": "m", "args": {"instance": null}}"#,
        ])
    func badArguments(_ text: String) async throws {
        let fixture = try ManagerFixture()
        let entry = try await fixture.run { manager in
            let entries = try await fixture.submit(manager, Array(text.utf8))
            await fixture.idle()
            return entries[0]
        }
        #expect(try await fixture.finished(entry)?.outcome == .refused)
        let rows = try await fixture.outbox()
        #expect(rows.contains { $0.kind == .reply })
        #expect(try await fixture.events().count == 1)
        await fixture.close()
    }
}
