// SPDX-License-Identifier: Apache-2.0

import ComputeDriver
import ComputeManager
import ComputeModel
import FakeDriver
import Testing
import WorkerStore

@Suite("Operations on the host", .timeLimit(.minutes(1)))
struct HostOperationTests {
    private static func body(_ method: String, _ arguments: JSONObject, version: String = "2.2") -> [UInt8] {
        JSONWriter.bytes([
            "method": .string(method), "version": .string(version), "args": .object(arguments), "_msg_id": "m",
            "_context_request_id": "req-1",
        ])
    }

    private func replies(_ fixture: ManagerFixture) async throws -> [JSONValue] {
        try await fixture.outbox().filter { $0.kind == .reply }.map { try JSONParser.parse($0.body) }
    }

    private static let calls: [(String, JSONObject, DriverOperation)] = [
        ("host_power_action", ["action": "startup"], .hostPowerAction),
        ("host_maintenance_mode", ["host": "compute1", "mode": true], .setMaintenance),
        ("set_host_enabled", ["enabled": false], .setHostEnabled),
        ("add_aggregate_host", ["aggregate_id": 1, "host": "two", "slave_info": nil], .addToAggregate),
        ("remove_aggregate_host", ["aggregate_id": 1, "host": "two", "slave_info": nil], .removeFromAggregate),
        ("refresh_security_group_rules", ["security_group_id": 7], .refreshSecurityGroupRules),
        ("refresh_security_group_members", ["security_group_id": 7], .refreshSecurityGroupMembers),
        ("refresh_provider_fw_rules", [:], .refreshProviderRules),
    ]

    @Test("Each asks the driver once and answers with what it said")
    func all() async throws {
        let fixture = try ManagerFixture()
        try await fixture.run { manager in
            for (method, arguments, _) in Self.calls {
                try await fixture.perform(manager, Self.body(method, arguments))
            }
        }
        for (method, _, operation) in Self.calls {
            #expect(fixture.driver.faults.calls(of: operation) == 1, "\(method)")
        }
        let answers = try await replies(fixture)
        #expect(answers.allSatisfy { $0["failure"] == .null })
        #expect(answers.prefix(3).allSatisfy { $0["result"]?.string?.isEmpty == false })
        #expect(answers.suffix(5).allSatisfy { $0["result"] == .null })
        await fixture.close()
    }

    @Test("A driver without the facet is not asked: refused, with its error event")
    func refused() async throws {
        let fixture = try ManagerFixture()
        try await fixture.run(plain: true) { manager in
            for (method, arguments, _) in Self.calls {
                try await fixture.perform(manager, Self.body(method, arguments))
            }
        }
        #expect(try await replies(fixture).allSatisfy { $0["failure"] == "unsupportedOperation" })
        #expect(try await fixture.eventTypes() == Self.calls.map(\.0))
        await fixture.close()
    }

    @Test("What other services cast for every change of theirs is told once to be missing, and each caller is answered")
    func toldOnce() async throws {
        let fixture = try ManagerFixture()
        let often = ["refresh_security_group_rules", "refresh_security_group_members", "refresh_provider_fw_rules"]
        for _ in 0..<2 {
            try await fixture.run(plain: true) { manager in
                for _ in 0..<3 {
                    for (method, arguments, _) in Self.calls {
                        try await fixture.perform(manager, Self.body(method, arguments))
                    }
                }
            }
        }
        let failures = try await replies(fixture).map { $0["failure"] }
        #expect(failures.count == 6 * Self.calls.count)
        #expect(failures.allSatisfy { $0 == "unsupportedOperation" })
        let events = try await fixture.eventTypes()
        for (method, _, _) in Self.calls {
            // Each start of the worker tells it anew.
            #expect(events.count { $0 == method } == (often.contains(method) ? 2 : 6), "\(method)")
        }
        await fixture.close()
    }

    @Test("A maintenance that is meant for another host changes nothing here")
    func otherHost() async throws {
        let fixture = try ManagerFixture()
        try await fixture.run {
            try await fixture.perform($0, Self.body("host_maintenance_mode", ["host": "compute2", "mode": true]))
        }
        #expect(fixture.driver.faults.calls(of: .setMaintenance) == 0)
        #expect(try await replies(fixture).map { $0["failure"] } == ["invalid"])
        await fixture.close()
    }

    @Test("One after the other, in the order in which they came", .timeLimit(.minutes(1)))
    func order() async throws {
        let fixture = try ManagerFixture()
        let point = fixture.driver.faults.hang(.setHostEnabled)
        try await fixture.run { manager in
            try await fixture.submit(
                manager, Self.body("set_host_enabled", ["enabled": false]),
                Self.body("refresh_provider_fw_rules", [:]))
            await point.reached()
            #expect(fixture.driver.faults.calls(of: .refreshProviderRules) == 0)
            point.release()
            await fixture.idle()
        }
        #expect(fixture.driver.faults.calls(of: .refreshProviderRules) == 1)
        await fixture.close()
    }

    @Test("A change of a pool that fails is taken back, and nothing else: a host that could not leave is a member still")
    func undone() async throws {
        let fixture = try ManagerFixture()
        let change: JSONObject = ["aggregate_id": 1, "host": "two"]
        let members = { fixture.driver.host.aggregates[1] }
        fixture.driver.faults.plan(.fail(ComputeFault(.aggregateFailure, "No.")), for: .addToAggregate, call: 1)
        try await fixture.run { try await fixture.perform($0, Self.body("add_aggregate_host", change)) }
        #expect(fixture.driver.faults.calls(of: .undoAggregateChange) == 1)
        #expect(try await replies(fixture).last?["failure"] == "aggregateFailure")
        #expect(members() == nil)

        try await fixture.run { try await fixture.perform($0, Self.body("add_aggregate_host", change)) }
        #expect(members() == ["two"])
        for (call, kind) in [(1, ComputeFault.Kind.aggregateFailure), (2, .unavailable)] {
            fixture.driver.faults.plan(.fail(ComputeFault(kind, "No.")), for: .removeFromAggregate, call: call)
            try await fixture.run { try await fixture.perform($0, Self.body("remove_aggregate_host", change)) }
            #expect(members() == ["two"])
        }
        #expect(fixture.driver.faults.calls(of: .undoAggregateChange) == 2)
        await fixture.close()
    }

    @Test("What a pool's master must know of a host is told to nobody else")
    func secret() async throws {
        let fixture = try ManagerFixture()
        fixture.driver.faults.plan(.fail(ComputeFault(.aggregateFailure, "No.")), for: .addToAggregate)
        try await fixture.run {
            try await fixture.perform(
                $0,
                Self.body(
                    "add_aggregate_host",
                    ["aggregate_id": 1, "host": "two", "slave_info": ["user": "root", "passwd": "POOL-CANARY"]]))
        }
        let told = try await fixture.outbox().map { String(decoding: $0.body, as: UTF8.self) } + fixture.logs.all
        #expect(!told.contains { $0.contains("POOL-CANARY") })
        await fixture.close()
    }

    @Test("A restart asks again for what does no harm, and not for a reboot of the host: the restart shows it")
    func resume() async throws {
        let fixture = try ManagerFixture()
        try await fixture.interrupt(at: .setHostEnabled, during: Self.body("set_host_enabled", ["enabled": false]))
        try await fixture.restart()
        #expect(fixture.driver.faults.calls(of: .setHostEnabled) == 2)
        try await fixture.interrupt(at: .hostPowerAction, during: Self.body("host_power_action", ["action": "reboot"]))
        try await fixture.restart()
        #expect(fixture.driver.faults.calls(of: .hostPowerAction) == 1)
        #expect(try await replies(fixture).map { $0["result"]?.string != nil } == [true, true])
        await fixture.close()
    }

    @Test(
        "A reboot of the host is asked for again where only the worker was restarted",
        arguments: ["first", "second"])
    func sameBoot(next: String) async throws {
        let before = try ManagerFixture { $0.bootID = "first" }
        try await before.interrupt(at: .hostPowerAction, during: Self.body("host_power_action", ["action": "reboot"]))
        await before.store.close()
        let after = try ManagerFixture({ $0.bootID = next }, directory: before.directory)
        try await after.restart()
        #expect(after.driver.faults.calls(of: .hostPowerAction) == (next == "first" ? 1 : 0))
        #expect(try await replies(after).map { $0["result"]?.string != nil } == [true])
        await after.close()
    }

    @Test(
        "Wrong arguments are refused by name",
        arguments: [
            ("host_power_action", ["action": "explode"]), ("set_host_enabled", ["enabled": "yes"]),
            ("host_maintenance_mode", ["host": "compute1"]), ("refresh_security_group_rules", ["security_group_id": "x"]),
            ("add_aggregate_host", ["aggregate_id": 1]), ("refresh_provider_fw_rules", ["surplus": 1]),
        ] as [(String, JSONObject)])
    func bad(_ method: String, _ arguments: JSONObject) async throws {
        let fixture = try ManagerFixture()
        try await fixture.run { try await fixture.perform($0, Self.body(method, arguments)) }
        #expect(try await replies(fixture).map { $0["failure"] } == ["badArguments"])
        await fixture.close()
    }
}
