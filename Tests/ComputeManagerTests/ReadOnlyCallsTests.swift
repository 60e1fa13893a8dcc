// SPDX-License-Identifier: Apache-2.0

@testable import ComputeManager
import ComputeDriver
import ComputeModel
import FakeDriver
import ImageService
import Logging
import Synchronization
import Testing
import WorkerStore

@Suite("Read-only calls", .timeLimit(.minutes(1)))
struct ReadOnlyCallsTests {
    private let id = InstanceID(bits: Requests.instanceID)

    private func answer(_ fixture: ManagerFixture, _ body: [UInt8]) async throws -> JSONValue {
        try await fixture.answer(fixture.makeManager(), body)
    }

    private func spawn(_ fixture: ManagerFixture) async throws {
        try await fixture.driver.spawn(SpawnRequest(instance: try Instance(fields: Requests.instance), image: nil))
    }

    @Test("A port is compared with the screen's, whatever kind of console the caller names, as nova does")
    func consolePort() async throws {
        let fixture = try ManagerFixture()
        try await spawn(fixture)
        let port = try await fixture.driver.vncConsole(try Instance(fields: Requests.instance)).port
        for (asked, type, result) in [(port, "novnc", true), (port, "spice", true), (port + 1, "spice", false)] {
            let body = Requests.of(
                Requests.id, "validate_console_port", ["port": JSONValue(asked), "console_type": .string(type)])
            #expect(try await answer(fixture, body) == ["result": .bool(result), "failure": nil], "\(type)")
        }
        await fixture.close()
    }

    @Test("The recorded console call gets the recorded answer, past the journal")
    func recorded() async throws {
        let fixture = try ManagerFixture()
        try await spawn(fixture)
        let golden = try GoldenSequence("f08-get_console_output-call-and-reply")
        #expect(
            try await answer(fixture, golden.body()) == [
                "result": "FAKE CONSOLE OUTPUT\nANOTHER\nLAST LINE", "failure": nil,
            ])
        #expect(fixture.store.levels.unfinished == 0)
        #expect(try await fixture.outbox().isEmpty)
        await fixture.close()
    }

    @Test(
        "The length of the tail is null, a number or a numeric string, as nova reads it",
        arguments: [
            (JSONValue.null, "FAKE CONSOLE OUTPUT\nANOTHER\nLAST LINE"), (1, "LAST LINE"), ("2", "ANOTHER\nLAST LINE"),
            (" 1 ", "LAST LINE"), (0, ""), ("zero", ""), ("", ""), (99, "FAKE CONSOLE OUTPUT\nANOTHER\nLAST LINE"),
            (-1, "ANOTHER\nLAST LINE"), (-3, ""), (.number(JSONNumber(1.9) ?? JSONNumber(1)), "LAST LINE"),
        ])
    func tail(_ length: JSONValue, _ text: String) async throws {
        let fixture = try ManagerFixture()
        try await spawn(fixture)
        let body = Requests.of(Requests.id, "get_console_output", ["tail_length": length])
        #expect(try await answer(fixture, body)["result"] == .string(text))
        await fixture.close()
    }

    @Test(
        "What is not ASCII becomes a question mark, what is not UTF-8 too",
        arguments: [
            ([UInt8]("größe".utf8), "gr??e"), ([0x61, 0xFF, 0x62], "a?b"), ([0xF0, 0x9F, 0x98, 0x80], "?"), ([], ""),
            ([0x00, 0x1B, 0x5B], "\u{0}\u{1B}["),
        ])
    func conversion(_ bytes: [UInt8], _ text: String) {
        #expect(GetConsoleOutput.text(of: bytes, tail: .all) == text)
    }

    @Test(
        "Lines are cut before bytes are read as text",
        arguments: [
            ("a\nb\n", 1, ""), ("a\nb\n", 2, "b\n"), ("\n\n\n", 2, "\n"), ("one", 1, "one"), ("", 5, ""),
            ("a\nb\nc", -2, "c"),
            ("a\nb\nc", -9, ""),
        ])
    func lines(_ text: String, _ count: Int, _ expected: String) {
        #expect(GetConsoleOutput.text(of: Array(text.utf8), tail: .lines(count)) == expected)
    }

    @Test("The host's uptime is told, with a host named or without", arguments: [JSONObject(), ["host": "compute1"]])
    func uptime(_ arguments: JSONObject) async throws {
        let fixture = try ManagerFixture()
        let body = JSONWriter.bytes(["method": "get_host_uptime", "version": "2.0", "args": .object(arguments)])
        #expect(try await answer(fixture, body)["result"]?.string?.contains("up 1 day") == true)
        await fixture.close()
    }

    @Test(
        "A failed call is answered and told",
        arguments: [
            (Requests.of(Requests.id, "get_console_output"), "instanceNotFound"),
            (Requests.of(Requests.id, "get_console_output", ["tail_length": []]), "badArguments"),
            (JSONWriter.bytes(["method": "get_console_output", "version": "2.0", "args": [:]]), "badArguments"),
            (Requests.of(Requests.id, "get_console_output", ["surplus": 1]), "badArguments"),
        ])
    func failure(_ body: [UInt8], _ kind: String) async throws {
        let fixture = try ManagerFixture()
        #expect(try await answer(fixture, body)["failure"] == .string(kind))
        #expect(try await fixture.eventTypes() == ["get_console_output"])
        await fixture.close()
    }

    @Test(
        "A hypervisor that is away is waited for by no caller",
        arguments: ["get_diagnostics", "get_vnc_console", "get_console_output"])
    func away(_ method: String) async throws {
        let fixture = try ManagerFixture { $0.deadlines.reconnection = .seconds(30) }
        try await spawn(fixture)
        fixture.driver.outsideOutage("connection refused")
        let arguments: JSONObject = method == "get_vnc_console" ? ["console_type": "novnc"] : [:]
        // The clock stands still: a wait would not end.
        #expect(try await answer(fixture, Requests.of(Requests.id, method, arguments))["failure"] == "unavailable")
        await fixture.close()
    }

    @Test("Calls beyond the slots wait for one")
    func slots() async throws {
        let fixture = try ManagerFixture { $0.readSlots = 1 }
        try await spawn(fixture)
        let point = fixture.driver.faults.hang(.consoleOutput)
        let manager = fixture.makeManager()
        let call = try fixture.message(Requests.of(Requests.id, "get_console_output"))
        await withTaskGroup(of: Void.self) { group in
            for _ in 0..<3 { group.addTask { await manager.work.serve(call) } }
            await point.reached()
            #expect(fixture.driver.faults.calls(of: .consoleOutput) == 1)
            point.release()
        }
        #expect(fixture.sink.published.count == 3)
        await fixture.close()
    }

    @Test(
        "A caller whose patience is nonsense gets its answer and no heartbeat",
        arguments: [Int.max, Int.min, 86_401, 1])
    func senselessPatience(_ seconds: Int) async throws {
        let address = ReplyAddress.replyQueue(name: "reply_1", messageID: "m", heartbeat: seconds)
        #expect(address.heartbeatInterval == nil)
        let fixture = try ManagerFixture()
        try await spawn(fixture)
        let call = try fixture.message(Requests.of(Requests.id, "get_console_output"), reply: address)
        try await fixture.run { await $0.work.serve(call) }
        let frames = try fixture.sink.published.map { try JSONParser.parse($0.body) }
        #expect(frames.map { $0["failure"] } == [.null])
        await fixture.close()
    }

    @Test("A reply that nobody takes keeps no slot, and is given up when the publisher knows that its caller is gone")
    func vanishedCaller() async throws {
        let fixture = try ManagerFixture { $0.readSlots = 1 }
        try await spawn(fixture)
        let sink = StuckSink(key: "gone")
        let manager = ComputeManager(
            configuration: fixture.configuration, store: fixture.store, driver: fixture.driver,
            images: LocalImageDirectory(path: fixture.directory), encoder: fixture.wire, decoder: fixture.wire,
            sink: sink, clock: fixture.clock, logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
        let body = Requests.of(Requests.id, "get_console_output")
        let gone = try fixture.message(body, reply: .messageID("gone"))
        let here = try fixture.message(body, reply: .messageID("here"))
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await manager.work.serve(gone) }
            await sink.reached()
            await manager.work.serve(here)
            #expect(sink.taken.withLock { $0 } == ["here"])
            await fixture.clock.sleeper(for: .seconds(90))
            fixture.clock.advance(by: .seconds(90))
        }
        await fixture.close()
    }

    @Test("A caller that watches its call hears of it while it waits for its turn")
    func heartbeatsBeforeTheTurn() async throws {
        let fixture = try ManagerFixture { $0.readSlots = 1 }
        try await spawn(fixture)
        let point = fixture.driver.faults.hang(.consoleOutput)
        let body = Requests.of(Requests.id, "get_console_output")
        let first = try fixture.message(body)
        let second = try fixture.message(
            body, reply: .replyQueue(name: "reply_1", messageID: "m", heartbeat: 10))
        try await fixture.run { manager in
            await withTaskGroup(of: Void.self) { group in
                group.addTask { await manager.work.serve(first) }
                await point.reached()
                group.addTask { await manager.work.serve(second) }
                await fixture.clock.sleeper(for: .seconds(5))
                fixture.clock.advance(by: .seconds(5))
                let beat = await fixture.sink.next()
                #expect(beat.flatMap { try? JSONParser.parse($0.body) } == ["heartbeat": true])
                point.release()
            }
        }
        #expect(fixture.sink.published.count == 3)
        await fixture.close()
    }

    @Test("A caller that watches its call hears that it still runs, and nothing after the answer")
    func heartbeats() async throws {
        let fixture = try ManagerFixture()
        let point = fixture.driver.faults.hang(.consoleOutput)
        let address = ReplyAddress.replyQueue(name: "reply_1", messageID: "m", heartbeat: 10)
        let call = try fixture.message(Requests.of(Requests.id, "get_console_output"), reply: address)
        try await spawn(fixture)
        try await fixture.run { manager in
            await withTaskGroup(of: Void.self) { group in
                group.addTask { await manager.work.serve(call) }
                await point.reached()
                for _ in 0..<2 {
                    await fixture.clock.sleeper(for: .seconds(5))
                    fixture.clock.advance(by: .seconds(5))
                    let beat = await fixture.sink.next()
                    #expect(beat.flatMap { try? JSONParser.parse($0.body) } == ["heartbeat": true])
                }
                point.release()
            }
        }
        let frames = try fixture.sink.published.map { try JSONParser.parse($0.body) }
        #expect(frames.map { $0["heartbeat"] == true } == [true, true, false])
        await fixture.close()
    }
}
