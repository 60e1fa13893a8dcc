// SPDX-License-Identifier: Apache-2.0

import ComputeDriver
@testable import ComputeManager
import ComputeModel
import FakeDriver
import Logging
import Testing
import WorkerStore

@Suite("A line about what failed says whose request it was, and for which instance", .timeLimit(.minutes(1)))
struct LogLineTests {
    private static func asked(_ method: String, _ arguments: JSONObject = JSONObject()) throws -> [UInt8] {
        var body = try #require(try JSONParser.parse(Requests.of(Requests.id, method, arguments)).object)
        body["_context_user_id"] = "user-1"
        body["_context_project_id"] = "project-1"
        return JSONWriter.bytes(.object(body))
    }

    private func check(_ fixture: ManagerFixture, _ message: String) throws {
        let line = try #require(fixture.logs.all.last { $0.contains(message) })
        for part in [Requests.id, "req-72d24b71-bace-4717-a735-6326481b9a43", "user-1", "project-1"] {
            #expect(line.contains(part), "\(part) in \(line)")
        }
    }

    @Test("A failure that does not name its instance itself")
    func failed() async throws {
        let fixture = try ManagerFixture()
        fixture.driver.faults.plan(.fail(ComputeFault(.imageNotFound, "no such image")), for: .powerOff)
        try await fixture.run { manager in
            try await fixture.perform(manager, Requests.run())
            try await fixture.perform(manager, try Self.asked("stop_instance"))
        }
        try check(fixture, "operation failed")
        await fixture.close()
    }

    @Test("A request whose arguments are wrong")
    func refused() async throws {
        let fixture = try ManagerFixture()
        try await fixture.run { try await fixture.perform($0, try Self.asked("attach_volume")) }
        try check(fixture, "request refused")
        await fixture.close()
    }

    @Test("A call that reads")
    func call() async throws {
        let fixture = try ManagerFixture()
        _ = try await fixture.answer(fixture.makeManager(), try Self.asked("get_console_output"))
        try check(fixture, "call failed")
        await fixture.close()
    }

    @Test("A message that is put aside names the queue where it is, and what could be read of it")
    func deadLetter() {
        let reason = MalformedMessage(.unknownMethod, "no such method")
        let letter = DeadLetterUnderWay(.init(message: incoming(1, "no_such", of: 7), reason: reason), FlatWire())
        #expect(letter.summary?.instance == InstanceID(bits: UniqueBits(high: 0, low: 7)))
        #expect(letter.metadata[LogKey.method] == "no_such")
        #expect(letter.metadata["queue"] == .string(letter.letter.routingKey))
        let unread = DeadLetterUnderWay(.init(message: incoming(2, malformed: reason), reason: reason), FlatWire())
        #expect(unread.summary == nil && unread.metadata[LogKey.method] == nil)
    }
}
