// SPDX-License-Identifier: Apache-2.0

import ComputeDriver
import ComputeManager
import ComputeModel
import FakeDriver
import Testing
import WorkerStore

@Suite("Passwords, files and metadata of a guest", .timeLimit(.minutes(1)))
struct GuestContentsTests {
    private let id = InstanceID(bits: Requests.instanceID)

    private static let setPassword = Requests.of(
        Requests.id, "set_admin_password", ["new_pass": "PASSWORD-CANARY"], message: "m1")

    private static let injectFile = Requests.of(
        Requests.id, "inject_file", ["path": "/etc/motd", "file_contents": "Q0FOQVJZ"], message: "m1")

    private func reply(_ fixture: ManagerFixture) async throws -> JSONValue {
        let reply = try #require(try await fixture.outbox().last { $0.kind == .reply })
        return try JSONParser.parse(reply.body)
    }

    private func letTriesPass(_ count: Int, _ fixture: ManagerFixture) async {
        for _ in 0..<count {
            await fixture.clock.sleeper(for: .seconds(1))
            fixture.clock.advance(by: .seconds(1))
        }
    }

    @Test("A password is set, answered with null, and stands nowhere but in the guest")
    func password() async throws {
        let fixture = try ManagerFixture()
        try await fixture.run { try await fixture.perform($0, Requests.run(), Self.setPassword) }
        #expect(try await reply(fixture) == ["result": nil, "failure": nil])
        #expect(fixture.driver.faults.calls(of: .setAdminPassword) == 1)
        #expect(fixture.driver.guest(id)?.adminPassword?.reveal() == "PASSWORD-CANARY")
        #expect(try await fixture.instance(id)?.taskState == nil)
        #expect(
            try await !fixture.outbox().contains { String(decoding: $0.body, as: UTF8.self).contains("PASSWORD-CANARY") })
        #expect(!fixture.logs.all.contains { $0.contains("PASSWORD-CANARY") })
        await fixture.close()
    }

    @Test("A guest that does not run refuses its password at once, with the task cleared")
    func passwordOfStopped() async throws {
        let fixture = try ManagerFixture()
        try await fixture.run {
            try await fixture.perform($0, Requests.run(), Requests.of(Requests.id, "stop_instance"), Self.setPassword)
        }
        #expect(try await reply(fixture)["failure"] == "instancePasswordSetFailed")
        #expect(fixture.driver.faults.calls(of: .setAdminPassword) == 0)
        let row = try #require(try await fixture.instance(id))
        #expect(row.taskState == nil)
        #expect(row.vmState == .stopped)
        await fixture.close()
    }

    @Test("A guest is asked again each second; the tenth refusal ends in ERROR and tells nothing of the guest's words")
    func passwordTries() async throws {
        let fixture = try ManagerFixture()
        fixture.driver.faults.plan(.fail(ComputeFault(.hypervisorFailure, "WORDS-CANARY")), for: .setAdminPassword)
        try await fixture.run { [self] manager in
            try await fixture.perform(manager, Requests.run())
            try await fixture.submit(manager, Self.setPassword)
            await letTriesPass(9, fixture)
            await fixture.idle()
        }
        #expect(fixture.driver.faults.calls(of: .setAdminPassword) == 10)
        let row = try #require(try await fixture.instance(id))
        #expect(row.vmState == .error)
        #expect(row.taskState == nil)
        #expect(try await reply(fixture)["failure"] == "instancePasswordSetFailed")
        #expect(
            try await !fixture.outbox().contains { String(decoding: $0.body, as: UTF8.self).contains("WORDS-CANARY") })
        await fixture.close()
    }

    @Test("The reason that the driver gives in its own words is told after the last try")
    func passwordReason() async throws {
        let fixture = try ManagerFixture()
        let fault = ComputeFault(
            .instancePasswordSetFailed, "WORDS-CANARY", arguments: ["reason": "is the agent running?"])
        fixture.driver.faults.plan(.fail(fault), for: .setAdminPassword)
        let entry = try await fixture.run { [self] manager in
            try await fixture.perform(manager, Requests.run())
            let entries = try await fixture.submit(manager, Self.setPassword)
            await letTriesPass(9, fixture)
            await fixture.idle()
            return entries[0]
        }
        let finished = try #require(try await fixture.finished(entry))
        #expect(finished.lastError?.hasSuffix("because error setting admin password: is the agent running?") == true)
        #expect(try await fixture.instance(id)?.vmState == .error)
        let told = try await fixture.outbox().map { String(decoding: $0.body, as: UTF8.self) }
        #expect(!told.contains { $0.contains("WORDS-CANARY") })
        await fixture.close()
    }

    @Test("A guest that has nobody to set its password is asked once, and is no ERROR")
    func passwordOfGuestWithoutAgent() async throws {
        let fixture = try ManagerFixture()
        fixture.driver.faults.plan(.fail(ComputeFault(.unsupportedOperation, "no agent")), for: .setAdminPassword)
        let entry = try await fixture.run { manager in
            try await fixture.perform(manager, Requests.run())
            let entries = try await fixture.submit(manager, Self.setPassword)
            await fixture.idle()
            return entries[0]
        }
        #expect(fixture.driver.faults.calls(of: .setAdminPassword) == 1)
        #expect(try await reply(fixture)["failure"] == "instancePasswordSetFailed")
        #expect(try await fixture.finished(entry)?.lastError?.hasSuffix("because no agent") == true)
        let row = try #require(try await fixture.instance(id))
        #expect(row.vmState == .active && row.taskState == nil)
        await fixture.close()
    }

    @Test("A guest that takes it at the third try is as before")
    func passwordLater() async throws {
        let fixture = try ManagerFixture()
        fixture.driver.faults.plan(
            .fail(ComputeFault(.hypervisorFailure, "not yet")), for: .setAdminPassword, calls: 1...2)
        try await fixture.run { [self] manager in
            try await fixture.perform(manager, Requests.run())
            try await fixture.submit(manager, Self.setPassword)
            await letTriesPass(2, fixture)
            await fixture.idle()
        }
        #expect(fixture.driver.faults.calls(of: .setAdminPassword) == 3)
        #expect(try await fixture.instance(id)?.vmState == .active)
        #expect(try await reply(fixture) == ["result": nil, "failure": nil])
        await fixture.close()
    }

    @Test("A task that holds the instance makes a password fail before the guest is asked")
    func passwordUnexpectedTask() async throws {
        let fixture = try ManagerFixture()
        let id = id
        try await fixture.run { manager in
            try await fixture.perform(manager, Requests.run())
            try await fixture.store.write { transaction in
                guard var row = try transaction.instance(id) else { return }
                row.instance.taskState = .deleting
                try transaction.save(row)
            }
            try await fixture.perform(manager, Self.setPassword)
        }
        #expect(try await fixture.instance(id)?.taskState == .deleting)
        #expect(try await fixture.instance(id)?.vmState == .active)
        #expect(fixture.driver.faults.calls(of: .setAdminPassword) == 0)
        await fixture.close()
    }

    @Test("A delete takes the place of a password that is tried again")
    func passwordSuperseded() async throws {
        let fixture = try ManagerFixture()
        fixture.driver.faults.plan(.fail(ComputeFault(.hypervisorFailure, "no")), for: .setAdminPassword)
        let entry = try await fixture.run { manager in
            try await fixture.perform(manager, Requests.run())
            let entries = try await fixture.submit(manager, Self.setPassword)
            await fixture.clock.sleeper(for: .seconds(1))
            try await fixture.submit(manager, Requests.of(Requests.id, "terminate_instance"))
            fixture.clock.advance(by: .seconds(1))
            await fixture.idle()
            return entries[0]
        }
        #expect(try await fixture.finished(entry)?.outcome == .superseded)
        #expect(fixture.driver.faults.calls(of: .setAdminPassword) == 1)
        #expect(try await fixture.instance(id) == nil)
        await fixture.close()
    }

    @Test(
        "What a restart finds unfinished is asked for again: nothing shows whether a guest took it",
        arguments: [
            (DriverOperation.setAdminPassword, setPassword), (.injectFile, injectFile),
            (.changeMetadata, Requests.of(Requests.id, "change_instance_metadata", ["diff": ["role": ["+", "web"]]])),
        ])
    func restart(_ call: DriverOperation, _ body: [UInt8]) async throws {
        let fixture = try ManagerFixture()
        try await fixture.run { try await fixture.perform($0, Requests.run()) }
        try await fixture.interrupt(at: call, during: body)
        try await fixture.restart()
        #expect(fixture.driver.faults.calls(of: call) == 2)
        #expect(fixture.store.levels.unfinished == 0)
        #expect(try await fixture.instance(id)?.taskState == nil)
        await fixture.close()
    }

    @Test("A file goes into the guest, and its contents into no log and no event")
    func file() async throws {
        let fixture = try ManagerFixture()
        fixture.driver.faults.plan(.fail(ComputeFault(.hypervisorFailure, "no")), for: .injectFile, call: 2)
        try await fixture.run { try await fixture.perform($0, Requests.run(), Self.injectFile, Self.injectFile) }
        #expect(fixture.driver.faults.calls(of: .injectFile) == 2)
        #expect(
            fixture.driver.guest(id)?.files.reveal() == [InjectedFile(path: "/etc/motd", contents: "Q0FOQVJZ")])
        #expect(try await fixture.eventTypes().last == "inject_file")
        #expect(try await fixture.instance(id)?.vmState == .active)
        #expect(try await !fixture.outbox().contains { String(decoding: $0.body, as: UTF8.self).contains("Q0FOQVJZ") })
        #expect(!fixture.logs.all.contains { $0.contains("Q0FOQVJZ") })
        await fixture.close()
    }

    @Test("The row's metadata follows, whether or not the driver has a way to tell the guest", arguments: [true, false])
    func metadata(_ plain: Bool) async throws {
        let fixture = try ManagerFixture()
        let instance = try Instance(fields: Requests.instance)
        try await fixture.driver.spawn(SpawnRequest(instance: instance, image: nil))
        let body = Requests.of(
            Requests.id, "change_instance_metadata", ["diff": ["role": ["+", "web"], "old": ["-"], "kept": ["+", "new"]]]
        ) { $0["metadata"] = [["id": 1, "key": "old", "value": "x"], ["id": 2, "key": "kept", "value": "before"]] }
        try await fixture.run(plain: plain) { try await fixture.perform($0, body) }
        #expect(
            try await fixture.instance(id)?.fields["metadata"] == [
                ["id": 2, "key": "kept", "value": "new"], ["key": "role", "value": "web"],
            ])
        #expect(fixture.driver.faults.calls(of: .changeMetadata) == (plain ? 0 : 1))
        #expect(fixture.driver.guest(id)?.metadata == (plain ? [:] : ["role": "web", "kept": "new"]))
        await fixture.close()
    }

    @Test(
        "Arguments that can't be right are refused before the guest is asked",
        arguments: [
            ("inject_file", ["path": "/etc/motd"]), ("inject_file", ["file_contents": "aGVsbG8="]),
            ("inject_file", ["path": "", "file_contents": "aGVsbG8="]),
            ("inject_file", ["path": "/etc/\u{0}motd", "file_contents": "aGVsbG8="]),
            ("inject_file", ["path": "/etc/motd", "file_contents": "no base64!"]),
            ("change_instance_metadata", [:]), ("change_instance_metadata", ["diff": ["a": ["+"]]]),
            ("change_instance_metadata", ["diff": ["a": ["*", "b"]]]),
            ("change_instance_metadata", ["diff": ["a": ["+", 1]]]),
            ("change_instance_metadata", ["diff": ["a": "+"]]), ("set_admin_password", ["new_pass": 1]),
            ("rescue_instance", ["rescue_password": []]),
        ] as [(String, JSONObject)])
    func badArguments(_ method: String, _ arguments: JSONObject) async throws {
        let fixture = try ManagerFixture()
        try await fixture.run {
            try await fixture.perform($0, Requests.run(), Requests.of(Requests.id, method, arguments, message: "m1"))
        }
        #expect(try await reply(fixture)["failure"] == "badArguments")
        #expect(try await fixture.instance(id)?.taskState == nil)
        for call in [DriverOperation.injectFile, .changeMetadata, .setAdminPassword, .rescue] {
            #expect(fixture.driver.faults.calls(of: call) == 0)
        }
        await fixture.close()
    }

    @Test("A driver that can't is asked for nothing", arguments: ["set_admin_password", "inject_file"])
    func unsupported(_ method: String) async throws {
        let fixture = try ManagerFixture()
        let body = method == "inject_file" ? Self.injectFile : Self.setPassword
        try await fixture.run(plain: true) { try await fixture.perform($0, body) }
        #expect(try await reply(fixture)["failure"] == "unsupportedOperation")
        #expect(try await fixture.instance(id) == nil)
        await fixture.close()
    }
}
