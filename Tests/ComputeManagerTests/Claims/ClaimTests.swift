// SPDX-License-Identifier: Apache-2.0

import ComputeDriver
import ComputeModel
import FakeDriver
import Foundation
import Testing
import WorkerStore

@testable import ComputeManager

@Suite("Claims", .timeLimit(.minutes(1)))
struct ClaimTests {
    private let id = InstanceID(bits: Requests.instanceID)
    private static let failure = ComputeFault(.hypervisorFailure, "the hypervisor said no")
    /// What ``Requests/instance`` takes.
    private static let small = ClaimAmounts(vcpus: 1, memoryMiB: 512, diskGiB: 1)

    private static let sent = "the limit that the scheduler sent with the request"

    private static func uuid(_ number: Int) -> String { "00000000-0000-4000-8000-\(String(100_000_000_000 + number))" }

    private static func limits(_ limits: JSONObject, retry: Bool = false) -> JSONObject {
        var arguments = Requests.retry
        var filter: JSONObject = ["limits": .object(limits)]
        if retry { filter["retry"] = ["num_attempts": 1, "hosts": ["compute1"]] }
        arguments["filter_properties"] = .object(filter)
        return arguments
    }

    private func claims(_ fixture: ManagerFixture) async throws -> [StoredClaim] {
        try await fixture.store.read { try $0.claims() }
    }

    @Test("A build claims what its flavor asks for; a delete gives it back")
    func takenAndGivenBack() async throws {
        let fixture = try ManagerFixture()
        try await fixture.run { manager in
            try await fixture.perform(manager, Requests.run())
            let claim = try #require(try await claims(fixture).first)
            #expect(claim.key == StoredClaim.Key(instance: id, purpose: .instance) && claim.amounts == Self.small)
            #expect(fixture.store.levels.claimed == Self.small)
            try await fixture.perform(manager, Requests.of(Requests.id, "terminate_instance"))
            #expect(try await claims(fixture).isEmpty && fixture.store.levels.claimed == .none)
        }
        await fixture.close()
    }

    @Test(
        "What the scheduler's limit leaves no room for goes to ERROR, naming what is short, and the driver hears nothing",
        arguments: [
            (
                "memory_mb", JSONValue.number(JSONNumber(1000)),
                "memory: 512 MiB asked, 488 MiB free of 488 MiB, \(sent), less what is reserved"
            ),
            ("vcpu", .number(JSONNumber(0)), "vcpus: 1 asked, 0 free of 0, \(sent)."),
            (
                "disk_gb", JSONNumber(0.9).map { .number($0) } ?? .null,
                "disk: 1 GiB asked, 0 GiB free of 0 GiB, \(sent), less"
            ),
        ])
    func refused(_ key: String, _ limit: JSONValue, _ words: String) async throws {
        let fixture = try ManagerFixture()
        let request = Requests.run(Requests.id, Self.limits([key: limit]))
        let entry = try #require(try await fixture.run { manager in
            let entries = try await fixture.submit(manager, request)
            await fixture.idle()
            return entries.first
        })
        let instance = try #require(try await fixture.instance(id))
        #expect(instance.vmState == .error && instance.taskState == nil && instance.host == nil)
        #expect(fixture.driver.faults.calls(of: .spawn) == 0 && fixture.driver.faults.calls(of: .destroy) == 0)
        #expect(try await claims(fixture).isEmpty && fixture.store.levels.claimed == .none)
        #expect(try await fixture.resources(id).isEmpty)
        #expect(try await fixture.finished(entry)?.lastError?.contains(words) == true)
        #expect(try await fixture.eventTypes() == ["compute.instance.create.start", "run_instance"])
        await fixture.close()
    }

    @Test("A build without room that may be retried goes back to the scheduler")
    func handedBack() async throws {
        let fixture = try ManagerFixture()
        let request = Requests.run(Requests.id, Self.limits(["memory_mb": 600], retry: true))
        try await fixture.run { try await fixture.perform($0, request) }
        let instance = try #require(try await fixture.instance(id))
        #expect(instance.vmState == .building && instance.taskState == .scheduling && instance.host == nil)
        #expect(try await fixture.outbox().last?.routingKey == "scheduler")
        #expect(try await fixture.eventTypes() == ["compute.instance.create.start"])
        #expect(fixture.driver.faults.calls(of: .spawn) == 0)
        #expect(try await claims(fixture).isEmpty)
        await fixture.close()
    }

    @Test("A worker that died after it refused a build hands it back at the next start and builds nothing")
    func refusedBeforeACrash() async throws {
        let fixture = try ManagerFixture()
        let request = Requests.run(Requests.id, Self.limits(["memory_mb": 600], retry: true))
        let entry = try #require(try await fixture.submit(nil, request).first)
        let row = StoredInstance(
            instance: try Instance(fields: Requests.instance), updatedAt: SystemWallClock().now())
        try await fixture.store.write { transaction in
            try transaction.save(row)
            try transaction.checkpoint(entry.id, step: try RunInstance.encode(.refused))
        }
        try await fixture.run { _ in await fixture.idle() }
        #expect(try await fixture.outbox().last?.routingKey == "scheduler")
        #expect(fixture.driver.faults.calls(of: .spawn) == 0 && fixture.driver.faults.calls(of: .destroy) == 0)
        await fixture.close()
    }

    @Test("Of builds that come at once as many get in as there is room for, and no more")
    func sideBySide() async throws {
        let fixture = try ManagerFixture()
        // Room for three beside the reserve.
        let arguments = Self.limits(["memory_mb": JSONValue.number(JSONNumber(512 + 3 * 512 + 100))])
        let bodies = (0..<12).map { number in
            Requests.run(Self.uuid(number), arguments) { $0["uuid"] = .string(Self.uuid(number)) }
        }
        try await fixture.run { manager in
            for body in bodies { try await fixture.submit(manager, body) }
            await fixture.idle()
        }
        let rows = try await fixture.store.read { try $0.instances() }
        #expect(rows.filter { $0.instance.vmState == .active }.count == 3)
        #expect(rows.filter { $0.instance.vmState == .error }.count == 9)
        #expect(fixture.store.levels.claimed == ClaimAmounts(vcpus: 3, memoryMiB: 3 * 512, diskGiB: 3))
        await fixture.close()
    }

    @Test("A build that fails gives its claim back when its guest is gone, and keeps it while that is not sure")
    func failedBuild() async throws {
        for isUndone in [true, false] {
            let fixture = try ManagerFixture()
            fixture.driver.faults.plan(.failAfterwards(Self.failure), for: .spawn)
            if !isUndone { fixture.driver.faults.plan(.fail(Self.failure), for: .destroy) }
            try await fixture.run { try await fixture.perform($0, Requests.run()) }
            #expect(try await fixture.instance(id)?.vmState == .error)
            #expect(try await claims(fixture).isEmpty == isUndone)
            await fixture.close()
        }
    }

    @Test("A build that failed at the driver and goes back to the scheduler keeps no claim")
    func failedAndHandedBack() async throws {
        let fixture = try ManagerFixture()
        fixture.driver.faults.plan(.failAfterwards(Self.failure), for: .spawn)
        try await fixture.run { try await fixture.perform($0, Requests.run(Requests.id, Requests.retry)) }
        #expect(try await fixture.instance(id)?.host == nil)
        #expect(fixture.store.levels.claimed == .none)
        await fixture.close()
    }

    @Test("A soft delete keeps the claim, since a restore must find its room")
    func softDelete() async throws {
        let fixture = try ManagerFixture()
        try await fixture.run { manager in
            try await fixture.perform(manager, Requests.run())
            try await fixture.perform(manager, Requests.of(Requests.id, "power_off_instance"))
        }
        #expect(fixture.store.levels.claimed == Self.small)
        await fixture.close()
    }

    @Test("A restart finds the claims again, strikes one without an instance, and claims for what has none")
    func restart() async throws {
        let fixture = try ManagerFixture()
        let (orphan, adopted) = (try #require(InstanceID(Self.uuid(1))), try #require(InstanceID(Self.uuid(2))))
        try await fixture.run { try await fixture.perform($0, Requests.run()) }
        try await fixture.store.write { transaction in
            try transaction.claim(
                ClaimAmounts(vcpus: 7, memoryMiB: 7, diskGiB: 7),
                for: StoredClaim.Key(instance: orphan, purpose: .resize), limits: .none)
            var fields = Requests.instance
            fields["uuid"] = .string(adopted.description)
            fields["host"] = .string(ManagerFixture.host)
            fields["vm_state"] = "active"
            try transaction.save(try Instance(fields: fields))
        }
        try await fixture.run { manager in
            try await fixture.perform(manager, Requests.of(Requests.id, "reboot_instance"))
        }
        #expect(try await claims(fixture).map(\.key.instance) == [id, adopted])
        #expect(fixture.store.levels.claimed == Self.small + Self.small)
        #expect(fixture.logs.all.contains { $0.contains("a claim without an instance was given back") })
        await fixture.close()
    }

    @Test("A guest that is taken over is counted, whatever the limits")
    func adopted() async throws {
        let fixture = try ManagerFixture()
        try await fixture.driver.spawn(
            SpawnRequest(instance: try Instance(fields: Requests.instance), image: nil))
        try await fixture.run { manager in
            try await fixture.perform(manager, Requests.of(Requests.id, "reboot_instance"))
        }
        #expect(fixture.store.levels.claimed == Self.small)
        await fixture.close()
    }

    @Test("A resize claims beside the instance, and is settled or given back")
    func resize() async throws {
        let fixture = try ManagerFixture()
        let large = ClaimAmounts(vcpus: 2, memoryMiB: 2048, diskGiB: 10)
        let (instance, resize) = (
            StoredClaim.Key(instance: id, purpose: .instance), StoredClaim.Key(instance: id, purpose: .resize)
        )
        try await fixture.store.write { transaction in
            try transaction.claim(Self.small, for: instance, limits: .none)
            try transaction.claim(large, for: resize, limits: ClaimLimits(memoryMiB: 2560))
        }
        #expect(fixture.store.levels.claimed == Self.small + large)
        let refused = ClaimChange.take(.resize, large, ClaimLimits(diskGiB: 9))
        do {
            try await fixture.store.write { [id] transaction in
                try transaction.releaseClaim(instance)
                try refused.apply(to: id, in: transaction)
            }
            Issue.record("claimed beyond the limit")
        } catch let fault as ComputeFault {
            #expect(fault.kind == .computeResourcesUnavailable && fault.message.contains("disk: 10 GiB asked"))
        }
        // Nothing of that was kept, in memory or on the disk.
        #expect(fixture.store.levels.claimed == Self.small + large)
        try await fixture.store.write { [id] in try ClaimChange.settle(large).apply(to: id, in: $0) }
        #expect(try await claims(fixture).map(\.key) == [instance])
        #expect(fixture.store.levels.claimed == large)
        try await fixture.store.write { [id] in try ClaimChange.release(.instance).apply(to: id, in: $0) }
        #expect(fixture.store.levels.claimed == .none)
        await fixture.close()
    }

    @Test("A limit that is not sent is none, unless the operator set a ratio; the reserve is kept of both")
    func rules() throws {
        func number(_ value: Double) -> JSONValue { JSONNumber(value).map { .number($0) } ?? .null }
        let total = ClaimAmounts(vcpus: 4, memoryMiB: 8192, diskGiB: 100)
        let sent: JSONObject = ["limits": ["memory_mb": number(12288.5), "vcpu": number(64)]]
        #expect(ClaimRules().limits(nil, total: total) == .none)
        #expect(
            ClaimRules().limits(sent, total: total)
                == ClaimLimits(vcpus: 64, memoryMiB: 11776, sent: [.vcpus, .memory]))
        let rules = ClaimRules(cpuRatio: 2, memoryRatio: 1.5, diskRatio: 1, reservedMemoryMiB: 1024, reservedDiskMiB: 1)
        #expect(rules.limits(nil, total: total) == ClaimLimits(vcpus: 8, memoryMiB: 11264, diskGiB: 99))
        #expect(
            rules.limits(sent, total: total)
                == ClaimLimits(vcpus: 64, memoryMiB: 11264, diskGiB: 99, sent: [.vcpus, .memory]))
        #expect(rules.limits(nil, total: nil) == .none)
    }
}
