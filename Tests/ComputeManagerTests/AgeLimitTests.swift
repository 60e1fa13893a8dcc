// SPDX-License-Identifier: Apache-2.0

import ComputeDriver
@testable import ComputeManager
import ComputeModel
import FakeDriver
import Testing
import WorkerStore

@Suite("A request that waited too long is refused", .timeLimit(.minutes(1)))
struct AgeLimitTests {
    private let id = InstanceID(bits: Requests.instanceID)

    private static func sent(_ body: [UInt8], secondsAgo seconds: Int64) throws -> [UInt8] {
        var object = try #require(try JSONParser.parse(body).object)
        object["_context_timestamp"] = .string(SystemWallClock().now().advanced(bySeconds: -seconds).iso)
        return JSONWriter.bytes(.object(object))
    }

    private func limits(_ pairs: String...) throws -> AgeLimits { try #require(AgeLimits(pairs)) }

    @Test("A build that is too old ends in ERROR with its event, and nothing is built")
    func build() async throws {
        let limits = try limits("run_instance:3600")
        let fixture = try ManagerFixture { $0.ageLimits = limits }
        let entry = try await fixture.run { manager in
            let entry = try await fixture.submit(
                manager, try Self.sent(Requests.run(Requests.id, Requests.retry), secondsAgo: 4000))[0]
            await fixture.idle()
            return entry
        }
        #expect(try await fixture.finished(entry)?.outcome == .expired)
        #expect(fixture.driver.faults.calls(of: .spawn) == 0)
        #expect(try await fixture.instance(id)?.vmState == .error)
        #expect(try await fixture.eventTypes() == ["run_instance"])
        let event = try #require(try await fixture.events().last)
        #expect(event["payload"]?["exception"]?["kind"] == "expired")
        #expect(try await !fixture.outbox().contains { $0.kind == .cast })
        await fixture.close()
    }

    @Test("A reboot that is too old leaves its instance as it is; a caller gets the failure")
    func reboot() async throws {
        let limits = try limits("default:60")
        let fixture = try ManagerFixture { $0.ageLimits = limits }
        try await fixture.run { manager in
            try await fixture.perform(manager, Requests.run())
            let before = try await fixture.instance(id)
            let entry = try await fixture.submit(
                manager, try Self.sent(Requests.of(Requests.id, "stop_instance", message: "m1"), secondsAgo: 61))[0]
            await fixture.idle()
            #expect(try await fixture.finished(entry)?.outcome == .expired)
            #expect(try await fixture.instance(id) == before)
        }
        let reply = try #require(try await fixture.outbox().first { $0.kind == .reply })
        #expect(try JSONParser.parse(reply.body)["failure"] == "expired")
        #expect(fixture.driver.faults.calls(of: .powerOff) == 0)
        await fixture.close()
    }

    @Test("A delete is never too old, unless its limit is named")
    func delete() async throws {
        let limits = try limits("default:60")
        let fixture = try ManagerFixture { $0.ageLimits = limits }
        try await fixture.run { manager in
            try await fixture.perform(manager, Requests.run())
            try await fixture.perform(
                manager, try Self.sent(Requests.of(Requests.id, "terminate_instance"), secondsAgo: 100_000))
        }
        #expect(try await fixture.instance(id) == nil)
        await fixture.close()
        #expect(try self.limits("terminate_instance:5")[TerminateInstance.name] == .seconds(5))
        #expect(limits[TerminateInstance.name] == nil)
        #expect(limits[RunInstance.name] == .seconds(60))
        #expect(AgeLimits()[RunInstance.name] == nil)
    }

    @Test("What was begun is done, however old it is")
    func begun() async throws {
        let limits = try limits("default:3600")
        let fixture = try ManagerFixture { $0.ageLimits = limits }
        fixture.driver.faults.plan(.delay(.seconds(3600)), for: .spawn, call: 1)
        let body = Requests.run()
        let entry = try await fixture.run { manager in
            let entry = try await fixture.submit(manager, body)[0]
            await fixture.clock.sleeper(for: .seconds(3600))
            return entry
        }
        // Long ago, as the journal sees it.
        #expect(AgeLimits.age(sent: nil, received: entry.receivedAt, now: entry.receivedAt) == .zero)
        try await fixture.run(wallClock: LaterClock(seconds: 7200)) { _ in await fixture.idle() }
        #expect(try await fixture.finished(entry)?.outcome == .succeeded)
        await fixture.close()
    }

    @Test("What waited unbegun through a restart counts from its arrival")
    func restart() async throws {
        let limits = try limits("run_instance:3600")
        let fixture = try ManagerFixture { $0.ageLimits = limits }
        let entry = try await fixture.submit(nil, Requests.run())[0]
        try await fixture.run(wallClock: LaterClock(seconds: 7200)) { _ in await fixture.idle() }
        #expect(try await fixture.finished(entry)?.outcome == .expired)
        #expect(fixture.driver.faults.calls(of: .spawn) == 0)
        await fixture.close()
    }

    @Test("The older of sending and arrival counts; a time in the future or of another form is ignored")
    func age() {
        let now = Timestamp(microseconds: 1_000_000_000_000)
        func age(_ sent: String?, arrived ago: Int64) -> Duration {
            AgeLimits.age(sent: sent, received: now.advanced(bySeconds: -ago), now: now)
        }
        #expect(age(nil, arrived: 7) == .seconds(7))
        #expect(age(now.advanced(bySeconds: -90).iso, arrived: 7) == .seconds(90))
        #expect(age(now.advanced(bySeconds: -3).iso, arrived: 7) == .seconds(7))
        #expect(age(now.advanced(bySeconds: 3600).iso, arrived: 7) == .seconds(7))
        #expect(age("yesterday", arrived: 7) == .seconds(7))
        #expect(age(nil, arrived: -7) == .zero)
    }

    @Test("Limits are pairs of a journaled operation and seconds")
    func pairs() {
        for wrong in ["run_instance", "run_instance:", "run_instance:0", "run_instance:x", "run:5", "get_host_uptime:5"]
        {
            #expect(AgeLimits([wrong]) == nil, "\(wrong)")
        }
        #expect(AgeLimits(["run_instance:3600", "default:60"]) != nil)
        #expect(AgeLimits([]) == AgeLimits())
    }
}

/// The system's clock, some time ahead.
struct LaterClock: WallClock {
    let seconds: Int64
    func now() -> Timestamp { SystemWallClock().now().advanced(bySeconds: seconds) }
}
