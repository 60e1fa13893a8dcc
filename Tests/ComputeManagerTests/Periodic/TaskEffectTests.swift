// SPDX-License-Identifier: Apache-2.0

import ComputeDriver
import ComputeModel
import FakeDriver
import Foundation
import Synchronization
import Testing
import WorkerStore

@testable import ComputeManager

/// A wall clock that a test sets.
final class SetWallClock: WallClock {
    private let moment = Mutex(SystemWallClock().now())

    func now() -> Timestamp { moment.withLock { $0 } }
    func set(_ moment: Timestamp) { self.moment.withLock { $0 = moment } }
    func advance(bySeconds seconds: Int64) { moment.withLock { $0 = $0.advanced(bySeconds: seconds) } }
}

@Suite("What the periodic tasks do", .timeLimit(.minutes(1)))
struct TaskEffectTests {
    private let id = InstanceID(bits: Requests.instanceID)

    /// Runs a manager whose tasks are run by hand.
    private func running(
        _ configure: (inout PeriodicConfiguration) -> Void = { _ in },
        _ body: @escaping @Sendable (ManagerFixture, PeriodicSurroundings, ComputeManager) async throws -> Void
    ) async throws {
        var periodic = PeriodicConfiguration()
        configure(&periodic)
        let configuration = periodic
        let fixture = try ManagerFixture()
        let clock = SetWallClock()
        try await fixture.run(wallClock: clock) { manager in
            try await body(fixture, manager.surroundings(configuration), manager)
        }
        await fixture.close()
    }

    private func age(_ fixture: ManagerFixture, _ change: @escaping @Sendable (inout Instance) -> Void) async throws {
        try await fixture.store.write { [id] transaction in
            guard var row = try transaction.instance(id) else { return }
            change(&row.instance)
            // As an earlier worker wrote it: what is due goes by the row's last write.
            row.stateSince = nil
            try transaction.save(row)
        }
    }

    @Test("What was deleted softly is deleted when its time is over, and not before")
    func reclaim() async throws {
        try await running { $0.reclaimInterval = .seconds(3600) } _: { fixture, surroundings, manager in
            let task = InstanceTimeout.reclaim(surroundings)
            #expect(task.interval == .seconds(60) && task.obstacle == nil)
            try await fixture.perform(manager, Requests.run())
            try await age(fixture) { $0.vmState = .softDeleted }
            #expect(try await task.run().count == 0)
            surroundings.wallClock?.advance(bySeconds: 7200)
            #expect(try await task.run().count == 1)
            await fixture.idle()
            #expect(try await fixture.instance(id) == nil)
            #expect(try await fixture.driver.instances().isEmpty)
            #expect(
                try await fixture.eventTypes().suffix(4) == [
                    "compute.instance.delete.start", "compute.instance.shutdown.start",
                    "compute.instance.shutdown.end", "compute.instance.delete.end",
                ])
        }
    }

    @Test("What somebody brings back is not deleted, whether that was asked for before or after the worker's delete")
    func restored() async throws {
        let fixture = try ManagerFixture { $0.operationSlots = 1 }
        let clock = SetWallClock()
        let restore = Requests.of(Requests.id, "power_on_instance") { $0["task_state"] = "powering-on" }
        try await fixture.run(wallClock: clock) { manager in
            var configuration = PeriodicConfiguration()
            configuration.reclaimInterval = .seconds(3600)
            let task = InstanceTimeout.reclaim(manager.surroundings(configuration))
            try await fixture.perform(manager, Requests.run())
            for isBefore in [true, false] {
                try await age(fixture) { $0.vmState = .softDeleted }
                clock.advance(bySeconds: 7200)
                if isBefore {
                    let entries = try await fixture.submit(nil, restore)
                    #expect(try await task.run().count == 0)
                    manager.work.enqueue(entries)
                } else {
                    let other = "f53be0a8-2c05-413b-b16b-7b044ffa6470"
                    try await fixture.perform(manager, Requests.run(other))
                    let hang = fixture.driver.faults.hang(.powerOff)
                    try await fixture.submit(manager, Requests.of(other, "stop_instance"))
                    await hang.reached()
                    #expect(try await task.run().count == 1)
                    try await fixture.submit(manager, restore)
                    hang.release()
                }
                await fixture.idle()
                #expect(try await fixture.instance(id)?.vmState == .active)
                #expect(fixture.driver.guest(id) != nil)
            }
        }
        #expect(fixture.driver.faults.calls(of: .destroy) == 0)
        await fixture.close()
    }

    @Test("A delete that failed is tried again when its time is over once more")
    func reclaimAgain() async throws {
        try await running { $0.reclaimInterval = .seconds(3600) } _: { fixture, surroundings, manager in
            let task = InstanceTimeout.reclaim(surroundings)
            fixture.driver.faults.plan(
                .fail(ComputeFault(.internalError, "no")), for: .destroy, call: 1)
            try await fixture.perform(manager, Requests.run())
            try await age(fixture) { $0.vmState = .softDeleted }
            for _ in 0..<2 {
                surroundings.wallClock?.advance(bySeconds: 7200)
                #expect(try await task.run().count == 1)
                await fixture.idle()
            }
            #expect(try await fixture.instance(id) == nil)
            #expect(fixture.driver.faults.calls(of: .destroy) == 2)
        }
    }

    @Test("A soft reboot that goes on for too long makes way for a hard one")
    func rebootOvertaken() async throws {
        try await running { $0.rebootTimeout = .seconds(60) } _: { fixture, surroundings, manager in
            let task = InstanceTimeout.reboot(surroundings)
            try await fixture.perform(manager, Requests.run())
            fixture.driver.faults.plan(.delay(.seconds(3600)), for: .reboot, call: 1)
            let soft = try await fixture.submit(
                manager, Requests.of(Requests.id, "reboot_instance", ["reboot_type": "SOFT"]))
            await fixture.clock.sleeper(for: .seconds(3600))
            #expect(try await task.run().count == 0)
            surroundings.wallClock?.advance(bySeconds: 120)
            #expect(try await task.run().count == 1)
            await fixture.clock.sleeper(for: fixture.configuration.interruptionGrace)
            fixture.clock.advance(by: fixture.configuration.interruptionGrace)
            await fixture.idle()
            #expect(try await fixture.finished(soft[0])?.outcome == .superseded)
            #expect(fixture.driver.faults.calls(of: .reboot) == 2)
            #expect(try await fixture.instance(id)?.taskState == nil)
            #expect(
                try await fixture.eventTypes().suffix(4) == [
                    "compute.instance.reboot.start", "reboot_instance", "compute.instance.reboot.start",
                    "compute.instance.reboot.end",
                ])
        }
    }

    @Test("A soft reboot that ends well all the same is not followed by a hard one")
    func rebootEndsWell() async throws {
        try await running { $0.rebootTimeout = .seconds(60) } _: { fixture, surroundings, manager in
            let task = InstanceTimeout.reboot(surroundings)
            try await fixture.perform(manager, Requests.run())
            let hang = fixture.driver.faults.hang(.reboot)
            let soft = try await fixture.submit(
                manager, Requests.of(Requests.id, "reboot_instance", ["reboot_type": "SOFT"]))
            await hang.reached()
            surroundings.wallClock?.advance(bySeconds: 120)
            #expect(try await task.run().count == 1)
            hang.release()
            await fixture.idle()
            #expect(try await fixture.finished(soft[0])?.outcome == .succeeded)
            #expect(fixture.driver.faults.calls(of: .reboot) == 1)
            #expect(try await fixture.instance(id)?.taskState == nil)
            #expect(try await fixture.eventTypes().last == "compute.instance.reboot.end")
        }
    }

    @Test("What writes the row for other reasons puts nothing off that is due after a while")
    func stoodStill() async throws {
        try await running { $0.rescueTimeout = .seconds(600) } _: { fixture, surroundings, manager in
            let task = InstanceTimeout.rescue(surroundings)
            try await fixture.perform(manager, Requests.run())
            try await fixture.perform(
                manager, Requests.of(Requests.id, "rescue_instance", ["rescue_password": "secret"]))
            #expect(try await fixture.instance(id)?.vmState == .rescued)
            let since = try #require(try await row(fixture).stateSince)
            surroundings.wallClock?.advance(bySeconds: 599)
            #expect(
                try await surroundings.change(id) { change in
                    change.update { $0.powerState = .paused }
                    change.amend { $0.networkInfo = [] }
                    return true
                })
            #expect(try await row(fixture).stateSince == since)
            #expect(try await task.run().count == 0)
            surroundings.wallClock?.advance(bySeconds: 1)
            #expect(try await task.run().count == 1)
            await fixture.idle()
            #expect(try await fixture.instance(id)?.vmState == .active)
            #expect(try await row(fixture).stateSince == since.advanced(bySeconds: 600))
        }
    }

    private func row(_ fixture: ManagerFixture) async throws -> StoredInstance {
        let found = try await fixture.store.read { [id] in try $0.instance(id) }
        return try #require(found)
    }

    @Test("A reboot that stands still is followed by a hard one")
    func reboot() async throws {
        try await running { $0.rebootTimeout = .seconds(60) } _: { fixture, surroundings, manager in
            let task = InstanceTimeout.reboot(surroundings)
            try await fixture.perform(manager, Requests.run())
            try await age(fixture) { $0.taskState = .rebooting }
            surroundings.wallClock?.advance(bySeconds: 3600)
            #expect(try await task.run().count == 1)
            await fixture.idle()
            #expect(try await fixture.instance(id)?.taskState == nil)
            #expect(try await fixture.eventTypes().last == "compute.instance.reboot.end")
        }
    }

    @Test("A build that takes too long is given up and undone; one that nobody builds any more ends in ERROR")
    func build() async throws {
        try await running { $0.buildTimeout = .seconds(600) } _: { fixture, surroundings, manager in
            let task = BuildTimeout(surroundings: surroundings)
            let hang = fixture.driver.faults.hang(.spawn)
            try await fixture.submit(manager, Requests.run())
            await hang.reached()
            surroundings.wallClock?.set(try #require(Timestamp("2026-11-23T02:03:30.929283")))
            #expect(try await task.run().count == 0)
            surroundings.wallClock?.set(try #require(Timestamp("2026-11-23T03:03:30.929283")))
            #expect(try await task.run().count == 1)
            await fixture.clock.sleeper(for: fixture.configuration.interruptionGrace)
            fixture.clock.advance(by: fixture.configuration.interruptionGrace)
            await fixture.idle()
            #expect(try await fixture.instance(id)?.vmState == .error)
            #expect(fixture.store.levels.claimed == .none)
            try await age(fixture) { instance in
                instance.vmState = .building
                instance.taskState = .spawning
            }
            #expect(try await task.run().count == 1)
            #expect(try await fixture.instance(id)?.vmState == .error)
        }
    }

    @Test("A guest whose instance was deleted here is reported, removed if the operator says so, and others' never are")
    func runningDeleted() async throws {
        for action in [PeriodicConfiguration.RunningDeletedAction.log, .reap] {
            try await running { $0.runningDeletedAction = action } _: { fixture, surroundings, manager in
                let task = RunningDeletedCleanup(surroundings: surroundings)
                try await fixture.perform(manager, Requests.run())
                try await fixture.perform(manager, Requests.of(Requests.id, "terminate_instance"))
                var fields = Requests.instance
                for uuid in [Requests.id, "00000000-0000-4000-8000-000000000001"] {
                    fields["uuid"] = .string(uuid)
                    try await fixture.driver.spawn(SpawnRequest(instance: try Instance(fields: fields), image: nil))
                }
                surroundings.wallClock?.advance(bySeconds: 3600)
                let result = try await task.run()
                #expect(result.count == 1)
                let left = try await fixture.driver.instances().map(\.id)
                #expect(left.contains(id) == (action == .log) && left.count == (action == .log ? 2 : 1))
                #expect(fixture.logs.all.contains { $0.contains("a guest is here whose instance was deleted") })
            }
        }
        try await running { $0.runningDeletedAction = .noop } _: { _, surroundings, _ in
            #expect(RunningDeletedCleanup(surroundings: surroundings).interval == nil)
        }
    }

    @Test("The audit notes what the host has, from which a ratio makes a limit")
    func audit() async throws {
        try await running { fixture, surroundings, manager in
            #expect(manager.resources.total == nil)
            let result = try await ResourceAudit(surroundings).run()
            let total = try await fixture.driver.hostResources()
            #expect(manager.resources.total == ClaimAmounts(of: total))
            #expect(result.words.contains("claimed 0 of \(total.vcpus) vcpus"))
        }
    }

    @Test("The scheduler is told what the host has, by a fanout and in nova's units")
    func capabilities() async throws {
        try await running {
            $0.reportInterval = .seconds(60)
            $0.hostAddress = "192.0.2.7"
        } _: { fixture, surroundings, _ in
            let task = CapabilitiesReport(surroundings)
            #expect(task.obstacle == nil)
            _ = try await task.run()
            let message = try #require(fixture.sink.published.last)
            #expect(message.exchange == "scheduler_fanout" && message.routingKey.isEmpty && !message.isMandatory)
            let body = try JSONParser.parse(message.body)
            #expect(body["method"] == "update_service_capabilities" && body["version"] == "2.0")
            #expect(body["args"]?["service_name"] == "compute" && body["args"]?["host"] == "compute1")
            let capabilities = try #require(body["args"]?["capabilities"]?.object)
            #expect(
                Set(capabilities.members.map(\.key)) == [
                    "vcpus", "vcpus_used", "cpu_info", "disk_total", "disk_used", "disk_available",
                    "host_memory_total", "host_memory_free", "hypervisor_type", "hypervisor_version",
                    "hypervisor_hostname", "supported_instances", "host_ip",
                ])
            let resources = try await fixture.driver.hostResources()
            #expect(capabilities["host_memory_total"]?.int == resources.memory.mib)
            #expect(capabilities["disk_total"]?.int == resources.disk.gib)
            #expect(capabilities["host_ip"] == "192.0.2.7")
        }
    }

    @Test("Tasks that can't be had here say why")
    func obstacles() async throws {
        let fixture = try ManagerFixture { $0.periodic = PeriodicConfiguration() }
        let manager = fixture.makeManager(plain: true)
        let surroundings = manager.surroundings(PeriodicConfiguration())
        #expect(ImageCachePass(surroundings: surroundings).obstacle == "the driver has no manage_image_cache")
        #expect(CapabilitiesReport(surroundings).obstacle == "the driver has no get_host_stats")
        #expect(NetworkInfoHealing(surroundings).obstacle == "there is no network service to ask")
        #expect(surroundings.obstacle(to: "no_such_method") == "the worker serves no no_such_method")
        await fixture.close()
    }

    /// The tasks of the table in docs/ARCHITECTURE.md.
    private static func documented() throws -> [String] {
        var root = URL(fileURLWithPath: #filePath)
        for _ in 1...4 { root.deleteLastPathComponent() }
        let page = try String(contentsOf: root.appendingPathComponent("docs/ARCHITECTURE.md"), encoding: .utf8)
        let lines = page.split(separator: "\n", omittingEmptySubsequences: false)
        let head = try #require(lines.firstIndex(of: "| task | option (default) | what it does |"))
        return lines[(head + 2)...].prefix { $0.hasPrefix("|") }.flatMap { row in
            row.split(separator: "|")[0].split(separator: "`").map(String.init).filter { $0.contains("_") }
        }
    }

    @Test("A manager runs its tasks beside its work, and lists all of them; the documented ones are these")
    func beside() async throws {
        let fixture = try ManagerFixture {
            $0.periodic = PeriodicConfiguration()
            $0.periodic?.fuzzyDelay = .zero
        }
        try await fixture.run { manager in
            await fixture.clock.sleeper(for: .seconds(10))
            try await fixture.perform(manager, Requests.run())
            let names = manager.periodicTasks.map(\.name)
            #expect(Set(names).count == names.count)
            #expect(try names.sorted() == Self.documented().sorted())
            #expect(manager.periodicTasks.first { $0.name == "report_state" }?.last?.outcome == .ok)
        }
        await fixture.close()
    }
}

extension ComputeManager {
    func surroundings(_ configuration: PeriodicConfiguration) -> PeriodicSurroundings {
        let wallClock = services.events.clock
        let beginning = wallClock.now()
        // Time goes evenly, whoever moves it.
        let time = SteadyTime(wallClock) {
            .microseconds(wallClock.now().microseconds - beginning.microseconds)
        }
        return PeriodicSurroundings(
            services: services, dispatcher: dispatcher, configuration: configuration, time: time)
    }
}

extension PeriodicSurroundings {
    var wallClock: SetWallClock? { services.events.clock as? SetWallClock }
}
