// SPDX-License-Identifier: Apache-2.0

import ComputeDriver
import ComputeModel
import FakeDriver
import Testing
import WorkerStore

@testable import ComputeManager

@Suite("Guests that went down with their host", .timeLimit(.minutes(1)))
struct HostBootTests {
    private let id = InstanceID(bits: Requests.instanceID)
    private static let other = "1aaaaaaa-2c05-413b-b16b-7b044ffa6469"

    private static func fixture(resumes: Bool = true) throws -> ManagerFixture {
        try ManagerFixture { $0.resumesGuestsOnHostBoot = resumes }
    }

    private func resumes(_ fixture: ManagerFixture) -> Int { fixture.driver.faults.calls(of: .resumeStateOnHostBoot) }

    private func isRunning(_ fixture: ManagerFixture, _ id: InstanceID) -> Bool {
        fixture.driver.guest(id)?.powerState == .running
    }

    /// All guests have been read, and all that came of it is done.
    private func settle(_ fixture: ManagerFixture, _ manager: ComputeManager, after readings: Int) async throws {
        #expect(try await fixture.eventually { fixture.driver.faults.calls(of: .listInstances) > readings })
        #expect(try await fixture.eventually { manager.load == (0, 0) && fixture.store.levels.unfinished == 0 })
        for _ in 0..<5 { try await fixture.step() }
        #expect(try await fixture.eventually { manager.load == (0, 0) })
    }

    /// Starts the next worker and lets it read all guests.
    private func boot(_ fixture: ManagerFixture, plain: Bool = false) async throws {
        let readings = fixture.driver.faults.calls(of: .listInstances)
        try await fixture.run(plain: plain) { try await settle(fixture, $0, after: readings) }
    }

    @Test("are started by a worker that starts, and nothing is told", arguments: [PowerState.shutdown, .crashed])
    func resumed(_ state: PowerState) async throws {
        let fixture = try Self.fixture()
        try await fixture.run { try await fixture.perform($0, Requests.run()) }
        let events = try await fixture.events().count
        fixture.driver.outsideChange(id, to: state, isTold: false)
        try await boot(fixture)
        #expect(resumes(fixture) == 1 && isRunning(fixture, id))
        let row = try #require(try await fixture.instance(id))
        #expect(row.vmState == .active && row.powerState == .running && row.taskState == nil)
        #expect(try await fixture.events().count == events)
        #expect(fixture.logs.all.contains { $0.contains("went down while no worker was here") })
        await fixture.close()
    }

    @Test("stay off unless the operator wants that, and their instances are stopped")
    func off() async throws {
        #expect(!ManagerConfiguration(host: "h", glanceURL: "").resumesGuestsOnHostBoot)
        let fixture = try ManagerFixture()
        try await fixture.run { try await fixture.perform($0, Requests.run()) }
        fixture.driver.outsideChange(id, to: .shutdown, isTold: false)
        try await boot(fixture)
        #expect(resumes(fixture) == 0)
        #expect(try await fixture.instance(id)?.vmState == .stopped)
        await fixture.close()
    }

    @Test("are left as they are where the row does not say that they ran, or is not this host's, or has a task")
    func others() async throws {
        let changes: [@Sendable (inout Instance) -> Void] = [
            {
                $0.vmState = .stopped
                $0.powerState = .shutdown
            },
            {
                $0.vmState = .suspended
                $0.powerState = .shutdown
            },
            { $0.vmState = .softDeleted }, { $0.vmState = .deleted }, { $0.vmState = .building },
            { $0.taskState = .stopping }, { $0.host = "compute2" }, { $0.powerState = .paused },
        ]
        for (number, change) in changes.enumerated() {
            let fixture = try Self.fixture()
            try await fixture.run { try await fixture.perform($0, Requests.run()) }
            let id = id
            try await fixture.store.write { transaction in
                var row = try #require(try transaction.instance(id))
                change(&row.instance)
                try transaction.save(row)
            }
            fixture.driver.outsideChange(id, to: .shutdown, isTold: false)
            try await boot(fixture)
            #expect(resumes(fixture) == 0, "change \(number)")
            await fixture.close()
        }
    }

    @Test("are not those that stop while the worker looks on, or that the hypervisor knows no more")
    func later() async throws {
        let fixture = try Self.fixture()
        let gone = try #require(InstanceID(Self.other))
        try await fixture.run { try await fixture.perform($0, Requests.run(), Requests.run(Self.other)) }
        fixture.driver.outsideRemoval(of: gone)
        try await fixture.run { manager in
            try await settle(fixture, manager, after: 0)
            #expect(try await fixture.instance(gone)?.powerState == .noState)
            fixture.driver.outsideChange(id, to: .shutdown, isTold: false)
            let readings = fixture.driver.faults.calls(of: .listInstances)
            fixture.driver.tellToResynchronize()
            try await settle(fixture, manager, after: readings)
            #expect(try await fixture.instance(id)?.vmState == .stopped)
        }
        #expect(resumes(fixture) == 0)
        await fixture.close()
    }

    @Test("that can't be started are logged and stopped, and hold up no others", arguments: [false, true])
    func failure(plain: Bool) async throws {
        let fixture = try Self.fixture()
        let second = try #require(InstanceID(Self.other))
        try await fixture.run { try await fixture.perform($0, Requests.run(), Requests.run(Self.other)) }
        for guest in [id, second] { fixture.driver.outsideChange(guest, to: .shutdown, isTold: false) }
        let fault = ComputeFault(.hypervisorFailure, "no")
        fixture.driver.faults.plan(.fail(fault), for: .resumeStateOnHostBoot, call: 1)
        let events = try await fixture.eventTypes().count
        try await boot(fixture, plain: plain)
        #expect(resumes(fixture) == (plain ? 0 : 2))
        let rows = [try await fixture.instance(id), try await fixture.instance(second)]
        #expect(rows.count { $0?.vmState == .stopped && $0?.powerState == .shutdown } == (plain ? 2 : 1))
        #expect(rows.count { $0?.vmState == .active && $0?.powerState == .running } == (plain ? 0 : 1))
        let told = try await fixture.eventTypes().dropFirst(events)
        #expect(told.prefix(2) == ["compute.instance.power_off.start", "compute.instance.power_off.end"])
        #expect(told.count == (plain ? 4 : 2))
        let words = plain ? "the driver can't resume guests" : "operation failed"
        #expect(fixture.logs.all.contains { $0.contains("warning \(words)") })
        await fixture.close()
    }

    @Test("are started once though the worker dies before the call's effect or after it", arguments: [false, true])
    func death(afterEffect: Bool) async throws {
        let fixture = try Self.fixture()
        try await fixture.run { try await fixture.perform($0, Requests.run()) }
        fixture.driver.outsideChange(id, to: .shutdown, isTold: false)
        fixture.driver.faults.plan(.delay(.seconds(3600)), for: .resumeStateOnHostBoot, call: 1)
        try await fixture.run { _ async throws in
            #expect(try await fixture.eventually { self.resumes(fixture) == 1 })
        }
        #expect(fixture.store.levels.unfinished == 1)
        if afterEffect { fixture.driver.outsideChange(id, to: .running, isTold: false) }
        try await boot(fixture)
        #expect(resumes(fixture) == (afterEffect ? 1 : 2) && isRunning(fixture, id))
        #expect(try await fixture.instance(id)?.vmState == .active)
        let done = try await fixture.store.read { try $0.succeeded(ResumeStateOnHostBoot.name.rawValue) }
        #expect(done.map(\.instance) == [id])
        await fixture.close()
    }

    @Test("wait behind what was asked for before, and a stop before them stands")
    func behind() async throws {
        let fixture = try Self.fixture()
        try await fixture.run { try await fixture.perform($0, Requests.run()) }
        fixture.driver.outsideChange(id, to: .shutdown, isTold: false)
        let point = fixture.driver.faults.hang(.info, call: fixture.driver.faults.calls(of: .info) + 1)
        try await fixture.run { manager in
            // Holds the lane before it has written its task.
            try await fixture.submit(manager, Requests.of(Requests.id, "reboot_instance", ["reboot_type": "HARD"]))
            try await fixture.submit(manager, Requests.of(Requests.id, "stop_instance"))
            #expect(try await fixture.eventually { fixture.store.levels.unfinished == 3 })
            point.release()
            await fixture.idle()
        }
        #expect(resumes(fixture) == 0)
        #expect(try await fixture.instance(id)?.vmState == .stopped)
        #expect(!isRunning(fixture, id))
        await fixture.close()
    }

    @Test("give way to a delete")
    func deleted() async throws {
        let fixture = try Self.fixture()
        try await fixture.run { try await fixture.perform($0, Requests.run()) }
        fixture.driver.outsideChange(id, to: .shutdown, isTold: false)
        fixture.driver.faults.plan(.delay(.seconds(3600)), for: .resumeStateOnHostBoot, call: 1)
        try await fixture.run { manager in
            #expect(try await fixture.eventually { self.resumes(fixture) == 1 })
            try await fixture.submit(manager, Requests.of(Requests.id, "terminate_instance"))
            #expect(try await fixture.eventually { fixture.store.levels.unfinished == 0 })
        }
        #expect(try await fixture.instance(id) == nil)
        #expect(try await fixture.driver.instances().isEmpty)
        #expect(try await fixture.eventTypes().last == "compute.instance.delete.end")
        await fixture.close()
    }
}
