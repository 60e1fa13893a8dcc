// SPDX-License-Identifier: Apache-2.0

import ComputeDriver
import ComputeManager
import ComputeModel
import FakeDriver
import Foundation
import Testing
import WorkerStore

@Suite("An instance whose record is damaged", .timeLimit(.minutes(1)))
struct DamagedRowTests {
    private let id = InstanceID(bits: Requests.instanceID)
    private let otherID = InstanceID(bits: UniqueBits(high: 0x4000, low: 0x8000_0000_0000_0002))
    private var other: String { otherID.description }

    /// A worker that starts on the rows of two instances, of which the first one's is damaged.
    private func damaged() async throws -> ManagerFixture {
        // Without events: the words that are looked for below stand in the instances' rows alone.
        let first = try ManagerFixture(forms: 0)
        try await first.run { [other] manager in
            try await first.perform(manager, Requests.run(), Requests.run(other) { $0["display_name"] = "other" })
        }
        await first.store.close()
        try flip("web-1", to: "web-2", in: first.directory + "/state/worker.sqlite")
        return try ManagerFixture(directory: first.directory)
    }

    @Test("Nothing is done for it but its delete, and each refusal is told; others are served")
    func refusal() async throws {
        let fixture = try await damaged()
        for guest in [id, otherID] {
            let fields = Requests.instance
            var all = fields
            all["uuid"] = .string(guest.description)
            try await fixture.driver.spawn(SpawnRequest(instance: try Instance(fields: all), image: nil))
        }
        try await fixture.run { manager in
            let entry = try await fixture.submit(
                manager, Requests.of(Requests.id, "reboot_instance", message: "m1"))[0]
            try await fixture.submit(manager, Requests.of(other, "reboot_instance"))
            // Where the damage is found only now, the work is tried once more.
            await idleWithPauses(fixture)
            #expect(try await fixture.finished(entry)?.outcome == .refused)
            #expect(fixture.driver.faults.calls(of: .reboot) == 1)
            let types = try await fixture.eventTypes()
            #expect(types.contains("reboot_instance"))
            #expect(types.contains("compute.instance.reboot.end"))
            try await fixture.submit(manager, Requests.of(Requests.id, "terminate_instance"))
            await idleWithPauses(fixture)
        }
        #expect(try await fixture.driver.instances().count == 1)
        #expect(try await fixture.eventTypes().last == "compute.instance.delete.end")
        await fixture.close()
    }

    @Test("Its guest's events end nothing and make it nobody's: the worker serves on, and looks after the others")
    func events() async throws {
        let fixture = try await damaged()
        fixture.driver.outsideChange(otherID, to: .running)
        try await fixture.run { manager in
            fixture.driver.outsideChange(id, to: .running)
            fixture.driver.outsideChange(otherID, to: .shutdown)
            while try await fixture.instance(otherID)?.vmState != .stopped { try await fixture.step() }
            #expect(manager.guests.foreign == 0)
            try await fixture.submit(manager, Requests.of(other, "start_instance"))
            await idleWithPauses(fixture)
            #expect(try await fixture.instance(otherID)?.vmState == .active)
        }
        await fixture.close()
    }

    @Test(
        "A request whose own record is damaged is not done; it ends with an event and a reply, by what its message says",
        arguments: [
            ("reboot_instance2.0", "rebxot_instance2.0"), ("2.0reboot_instance", "2.0rebxot_instance"),
            ("m CAFE1", "m CAFE2"), ("req-72d24b71m", "req-72d24b70m"),
        ])
    func request(_ text: String, _ damaged: String) async throws {
        let fixture = try await requests(damaging: [(text, damaged)])
        try await fixture.run { _ in await idleWithPauses(fixture) }
        let ends = try await fixture.events().filter { $0["priority"] == "ERROR" }
        #expect(ends.map { $0["event_type"] } == ["reboot_instance"])
        #expect(ends.first?["payload"]?["exception"]?["kind"] == "storeFailure")
        #expect(ends.first?["context"]?["request_id"] == "req-72d24b71")
        let replies = try await fixture.outbox().filter { $0.kind == .reply }
        #expect(replies.map(\.routingKey) == ["CAFE1"])
        #expect(try replies.map { try JSONParser.parse($0.body)["failure"] } == ["storeFailure"])
        #expect(try await fixture.store.read { try $0.finishedEntry(JournalID(1))?.outcome } == .failed)
        #expect(fixture.driver.faults.calls(of: .reboot) == 0)
        #expect(try await fixture.eventTypes().last == "compute.instance.power_off.end", "the other's")
        await fixture.close()
    }

    @Test("Where its message is damaged too it is told by what can be read of its record")
    func requestAndMessage() async throws {
        let fixture = try await requests(damaging: [("m CAFE1", "m CAFE2"), ("web-1", "web-2")])
        try await fixture.run { _ in await idleWithPauses(fixture) }
        let end = try #require(try await fixture.events().first { $0["priority"] == "ERROR" })
        #expect(end["event_type"] == "reboot_instance")
        #expect(end["context"]?["request_id"] == "req-72d24b71")
        #expect(try await fixture.outbox().filter { $0.kind == .reply }.map(\.routingKey) == ["CAFE2"])
        #expect(fixture.driver.faults.calls(of: .reboot) == 0)
        await fixture.close()
    }

    /// A worker that is to start on the requests of two callers, of which the first one's is damaged.
    private func requests(damaging places: [(String, String)]) async throws -> ManagerFixture {
        let first = try ManagerFixture()
        let body = Requests.of(Requests.id, "reboot_instance", message: "CAFE1")
        var fields = try #require(try JSONParser.parse(body).object)
        fields["_context_request_id"] = "req-72d24b71"
        try await first.submit(
            nil, JSONWriter.bytes(.object(fields)),
            Requests.of(other, "stop_instance") { $0["display_name"] = "other" })
        await first.store.close()
        for (text, damaged) in places { try flip(text, to: damaged, in: first.directory + "/state/worker.sqlite") }
        let fixture = try ManagerFixture(directory: first.directory)
        for guest in [id, otherID] {
            var fields = Requests.instance
            fields["uuid"] = .string(guest.description)
            try await fixture.driver.spawn(SpawnRequest(instance: try Instance(fields: fields), image: nil))
        }
        return fixture
    }

    private func idleWithPauses(_ fixture: ManagerFixture) async {
        while fixture.store.levels.unfinished > 0 {
            fixture.clock.advance(by: .seconds(1))
            await Task.yield()
        }
    }

    private func flip(_ text: String, to other: String, in path: String) throws {
        var bytes = try Data(contentsOf: URL(fileURLWithPath: path))
        var start = bytes.startIndex
        var count = 0
        while let range = bytes.range(of: Data(text.utf8), in: start..<bytes.endIndex) {
            bytes.replaceSubrange(range, with: Data(other.utf8))
            start = range.upperBound
            count += 1
        }
        try #require(count > 0)
        try bytes.write(to: URL(fileURLWithPath: path))
    }
}
