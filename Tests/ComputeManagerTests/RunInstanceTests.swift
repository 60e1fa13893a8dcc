// SPDX-License-Identifier: Apache-2.0

import ComputeDriver
import ComputeManager
import ComputeModel
import FakeDriver
import Foundation
import Testing
import WorkerStore

@Suite("run_instance", .timeLimit(.minutes(1)))
struct RunInstanceTests {
    private let id = InstanceID(bits: Requests.instanceID)

    private static let failure = ComputeFault(.hypervisorFailure, "the hypervisor said no")

    @Test("A build ends active, owned by this host, with what was made for it written down")
    func builds() async throws {
        let fixture = try ManagerFixture()
        try await fixture.run { try await fixture.perform($0, Requests.run()) }
        let instance = try #require(try await fixture.instance(id))
        #expect(instance.vmState == .active)
        #expect(instance.taskState == nil)
        #expect(instance.powerState == .running)
        #expect(instance.host == ManagerFixture.host)
        #expect(instance.launchedOn == ManagerFixture.host)
        #expect(instance.launchedAt != nil)
        #expect(try await fixture.resources(id).map(\.kind).sorted() == ["directory", "domain"])
        #expect(try await fixture.eventTypes() == ["compute.instance.create.start", "compute.instance.create.end"])
        await fixture.close()
    }

    @Test("A build that is wrong in itself does not go back: no host can do it")
    func wrongEverywhere() async throws {
        let fixture = try ManagerFixture()
        fixture.driver.faults.plan(.fail(.invalid("The instance's name can't be a domain's")), for: .spawn)
        try await fixture.run { try await fixture.perform($0, Requests.run(Requests.id, Requests.retry)) }
        #expect(try await fixture.instance(id)?.vmState == .error)
        #expect(try await fixture.events().last?["payload"]?["exception"]?["kind"] == "invalid")
        #expect(try await !fixture.outbox().contains { $0.kind == .cast })
        #expect(try await fixture.resources(id).isEmpty)
        await fixture.close()
    }

    @Test(
        "A build that does not say how much memory and how many processors is refused before anything is made",
        arguments: ["memory_mb", "vcpus"], [nil, 0] as [Int?])
    func sizeless(_ key: String, _ value: Int?) async throws {
        let fixture = try ManagerFixture()
        try await fixture.run { manager in
            try await fixture.perform(manager, Requests.run { $0[key] = JSONValue(value) })
            #expect(try await fixture.eventTypes() == ["run_instance"])
            let exception = try await fixture.events().last?["payload"]?["exception"]
            #expect(exception?["kind"] == "invalid")
            #expect(exception?["message"]?.string?.contains("'\(key)'") == true)
            #expect(fixture.driver.faults.calls(of: .spawn) == 0)
            #expect(try await fixture.store.read { try $0.claims() }.isEmpty)
            #expect(try await fixture.resources(id).isEmpty)
        }
        await fixture.close()
    }

    @Test("A build again of what is here is left alone, however little it says; a flavor's sizes are sizes too")
    func sparse() async throws {
        let fixture = try ManagerFixture()
        try await fixture.run { manager in
            try await fixture.perform(
                manager,
                Requests.run { fields in
                    for key in ["memory_mb", "vcpus"] { fields[key] = nil }
                    fields["instance_type"] = ["name": "m1.tiny", "id": 1, "memory_mb": 512, "vcpus": 1]
                })
            #expect(try await fixture.instance(id)?.vmState == .active)
            let again: JSONValue = [
                "method": "run_instance", "version": "2.0", "args": ["instance": ["uuid": .string(Requests.id)]],
            ]
            try await fixture.perform(manager, JSONWriter.bytes(again))
            #expect(try await fixture.events().last?["payload"]?["exception"]?["kind"] == "instanceExists")
            #expect(try await fixture.instance(id)?.vmState == .active)
        }
        await fixture.close()
    }

    @Test("A failed build that may be retried goes back to the scheduler with its token, and nothing is left here")
    func castsBack() async throws {
        let fixture = try ManagerFixture { $0.schedulerTopic = "placers" }
        fixture.driver.faults.plan(.failAfterwards(Self.failure), for: .spawn)
        try await fixture.run { try await fixture.perform($0, Requests.run(Requests.id, Requests.retry)) }
        #expect(try await fixture.driver.instances().isEmpty)
        #expect(try await fixture.resources(id).isEmpty)
        let instance = try #require(try await fixture.instance(id))
        #expect(instance.taskState == .scheduling)
        #expect(instance.vmState == .building)
        #expect(instance.host == nil)
        #expect(try await fixture.eventTypes() == ["compute.instance.create.start"])
        let rows = try await fixture.outbox()
        let cast = try #require(rows.last)
        #expect(cast.kind == .cast)
        #expect(cast.isMandatory)
        #expect(cast.routingKey == "placers")
        #expect(cast.orderingKey == Requests.id)
        #expect(cast.instance == id)
        let body = try JSONParser.parse(cast.body)
        #expect(body["method"] == "run_instance")
        #expect(body["version"] == "2.0")
        #expect(body["form"] == "flat")
        #expect(body["args"]?["request_spec"]?["instance_uuids"] == [.string(Requests.id)])
        #expect(body["args"]?["filter_properties"] == Requests.retry["filter_properties"])
        #expect(body["args"]?["injected_files"] == [])
        #expect(body["args"]?["admin_password"] == "PASSWORD-CANARY")
        #expect(body["args"]?["requested_networks"] == .null)
        #expect(body["args"]?["is_first_time"] == true)
        #expect(body["context"]?["auth_token"] == "TOKEN-CANARY")
        #expect(body["context"]?["is_admin"] == true)
        for event in rows.dropLast() { #expect(!String(decoding: event.body, as: UTF8.self).contains("CANARY")) }
        await fixture.close()
    }

    @Test(
        "Without retry, or without a request spec, a failed build ends in ERROR and is told",
        arguments: [
            JSONObject(), ["request_spec": ["image": [:]]], ["filter_properties": ["retry": ["num_attempts": 1]]],
            ["request_spec": ["image": [:]], "filter_properties": ["retry": nil]],
            ["request_spec": ["image": [:]], "filter_properties": ["retry": [:]]],
        ])
    func endsInError(_ arguments: JSONObject) async throws {
        let fixture = try ManagerFixture()
        fixture.driver.faults.plan(.fail(Self.failure), for: .spawn)
        try await fixture.run { try await fixture.perform($0, Requests.run(Requests.id, arguments)) }
        let instance = try #require(try await fixture.instance(id))
        #expect(instance.vmState == .error)
        #expect(instance.taskState == nil)
        #expect(try await fixture.resources(id).isEmpty)
        #expect(try await fixture.eventTypes() == ["compute.instance.create.start", "run_instance"])
        let rows = try await fixture.outbox()
        #expect(!rows.contains { $0.kind == .cast })
        let updates = try await fixture.events().filter { $0["event_type"] == "compute.instance.update" }.suffix(2)
        #expect(updates.map { $0["payload"]?["state"] } == ["error", "error"])
        #expect(updates.map { $0["payload"]?["new_task_state"] } == ["spawning", .null])
        await fixture.close()
    }

    @Test("The error event has nova's keys and hides every secret")
    func errorEvent() async throws {
        let fixture = try ManagerFixture()
        fixture.driver.faults.plan(.fail(Self.failure), for: .spawn)
        let arguments: JSONObject = [
            "request_spec": ["instance_properties": ["user_data": "CANARY", "key_data": "CANARY"]],
            "admin_password": "CANARY", "injected_files": [["/root/CANARY", "Q0FOQVJZ"]], "is_first_time": true,
        ]
        try await fixture.run { manager in
            try await fixture.perform(manager, Requests.run(Requests.id, arguments) { $0["user_data"] = "CANARY" })
        }
        let event = try #require(try await fixture.events().last)
        #expect(event["event_type"] == "run_instance")
        #expect(event["priority"] == "ERROR")
        let payload = try #require(event["payload"]?.object)
        #expect(payload["args"]?.array?.count == 2)
        #expect(payload["exception"]?["kwargs"] != nil)
        #expect(payload["is_first_time"] == true)
        #expect(payload["admin_password"] == "***")
        #expect(payload["instance"]?["uuid"] == .string(Requests.id))
        for event in try await fixture.events() { #expect(!JSONWriter.text(.object(event)).contains("CANARY")) }
        #expect(!fixture.logs.all.contains { $0.contains("CANARY") })
        await fixture.close()
    }

    @Test("A build that can't be undone ends in ERROR, is not handed back, and stays in the books")
    func cannotUndo() async throws {
        let fixture = try ManagerFixture()
        fixture.driver.faults.plan(.failAfterwards(Self.failure), for: .spawn)
        fixture.driver.faults.plan(.fail(Self.failure), for: .destroy)
        try await fixture.run { try await fixture.perform($0, Requests.run(Requests.id, Requests.retry)) }
        #expect(try await fixture.instance(id)?.vmState == .error)
        #expect(try await fixture.resources(id).count == 2)
        #expect(try await !fixture.outbox().contains { $0.kind == .cast })
        await fixture.close()
    }

    @Test("A second build of an instance that is here changes nothing but is told", arguments: [true, false])
    func second(_ hasRow: Bool) async throws {
        let fixture = try ManagerFixture()
        let id = id
        let boot = try await fixture.run { manager in
            try await fixture.perform(manager, Requests.run())
            let boot = try await fixture.driver.info(id).bootIdentity
            if !hasRow { try await fixture.store.write { try $0.remove(id) } }
            try await fixture.perform(manager, Requests.run(Requests.id, Requests.retry))
            return boot
        }
        #expect(try await fixture.driver.info(id).bootIdentity == boot)
        #expect(fixture.driver.faults.calls(of: .spawn) == 1)
        #expect(try await fixture.instance(id)?.vmState == (hasRow ? .active : nil))
        #expect(try await fixture.eventTypes().suffix(1) == ["run_instance"])
        #expect(try await !fixture.outbox().contains { $0.kind == .cast })
        await fixture.close()
    }

    @Test("A build of an instance that another task holds ends in ERROR; the task stays, nothing is built")
    func anotherTask() async throws {
        let fixture = try ManagerFixture()
        let request = Requests.run(Requests.id, Requests.retry) { $0["task_state"] = "deleting" }
        try await fixture.run { try await fixture.perform($0, request) }
        #expect(fixture.driver.faults.calls(of: .spawn) == 0)
        #expect(try await fixture.instance(id)?.vmState == .error)
        #expect(try await fixture.instance(id)?.taskState == .deleting)
        #expect(try await fixture.eventTypes() == ["run_instance"])
        #expect(try await fixture.resources(id).isEmpty)
        await fixture.close()
    }

    @Test("A build that failed here may be asked for again")
    func again() async throws {
        let fixture = try ManagerFixture()
        fixture.driver.faults.plan(.fail(Self.failure), for: .spawn, call: 1)
        try await fixture.run { try await fixture.perform($0, Requests.run(), Requests.run()) }
        #expect(try await fixture.instance(id)?.vmState == .active)
        await fixture.close()
    }

    @Test(
        "An image larger than the root disk, or unacceptable, fails before any side effect", arguments: [true, false])
    func image(_ isTooLarge: Bool) async throws {
        let fixture = try ManagerFixture()
        let path = fixture.directory + "/images/cirros"
        if isTooLarge {
            #expect(FileManager.default.createFile(atPath: path, contents: Data()))
            let file = try #require(FileHandle(forWritingAtPath: path))
            try file.truncate(atOffset: (1 << 30) + 1)
            try file.close()
        } else {
            try Data("KDMV".utf8).write(to: URL(fileURLWithPath: path))
        }
        try Data(#"{"disk_format": "raw"}"#.utf8).write(to: URL(fileURLWithPath: path + ".json"))
        let entry = try await fixture.run { manager in
            let entries = try await fixture.submit(manager, Requests.run(Requests.id, Requests.retry))
            await fixture.idle()
            return entries[0]
        }
        #expect(fixture.driver.faults.calls(of: .spawn) == 0)
        #expect(try await fixture.instance(id)?.vmState == .error)
        let types = try await fixture.eventTypes()
        #expect(types == ["run_instance"])
        let payload = try #require(try await fixture.events().last?["payload"])
        #expect(payload["exception"]?["kind"] == (isTooLarge ? "imageTooLarge" : "imageUnacceptable"))
        #expect(try await fixture.finished(entry)?.outcome == .failed)
        await fixture.close()
    }
}
