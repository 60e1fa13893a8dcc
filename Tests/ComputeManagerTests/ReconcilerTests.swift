// SPDX-License-Identifier: Apache-2.0

import ComputeDriver
import ComputeModel
import FakeDriver
import Testing
import WorkerStore

@testable import ComputeManager

@Suite("A row follows its guest", .timeLimit(.minutes(1)))
struct ReconcilerTests {
    private let id = InstanceID(bits: Requests.instanceID)
    private static let changes: [DriverOperation] = [.spawn, .destroy, .reboot, .powerOff, .powerOn]

    /// Lets the reconciler look at whatever there is: a full reading that began now has come to its end, and all looks.
    private func settle(_ fixture: ManagerFixture, _ manager: ComputeManager) async throws {
        let before = fixture.driver.faults.calls(of: .listInstances)
        fixture.driver.tellToResynchronize()
        #expect(try await fixture.eventually { fixture.driver.faults.calls(of: .listInstances) > before })
        #expect(try await fixture.eventually { manager.load == (0, 0) })
        for _ in 0..<10 { try await fixture.step() }
        #expect(try await fixture.eventually { manager.load == (0, 0) })
    }

    private func calls(_ fixture: ManagerFixture) -> [Int] {
        Self.changes.map { fixture.driver.faults.calls(of: $0) }
    }

    @Test("A guest that stops by itself makes its instance stopped, with nova's events, and is not touched",
        arguments: [PowerState.shutdown, .crashed])
    func stopped(_ state: PowerState) async throws {
        let fixture = try ManagerFixture()
        try await fixture.run { manager async throws in
            try await fixture.perform(manager, Requests.run())
            let calls = calls(fixture)
            fixture.driver.outsideChange(id, to: state)
            #expect(try await fixture.eventually { try await fixture.instance(id)?.vmState == .stopped })
            let row = try await fixture.instance(id)
            #expect(row?.powerState == state && row?.taskState == nil)
            #expect(
                try await fixture.eventTypes().suffix(2) == [
                    "compute.instance.power_off.start", "compute.instance.power_off.end",
                ])
            let update = try await fixture.events().last { $0["event_type"]?.string == "compute.instance.update" }
            #expect(update?["payload"]?["old_state"]?.string == "active")
            #expect(update?["payload"]?["state"]?.string == "stopped")
            #expect(self.calls(fixture) == calls)
            #expect(
                try await fixture.eventually {
                    fixture.logs.all.contains { $0.contains("warning a guest stopped without us") }
                })
            try await settle(fixture, manager)
            #expect(try await fixture.eventTypes().count == 4, "told once")
        }
        await fixture.close()
    }

    @Test("A guest that is started, suspended and resumed behind our back is followed")
    func followed() async throws {
        let fixture = try ManagerFixture()
        try await fixture.run { manager async throws in
            try await fixture.perform(
                manager, Requests.run(),
                Requests.of(Requests.id, "stop_instance"))
            #expect(try await fixture.instance(id)?.vmState == .stopped)
            fixture.driver.outsideChange(id, to: .running)
            #expect(try await fixture.eventually { try await fixture.instance(id)?.vmState == .active })
            #expect(
                try await fixture.eventTypes().suffix(2) == [
                    "compute.instance.power_on.start", "compute.instance.power_on.end",
                ])
            fixture.driver.outsideChange(id, to: .paused)
            #expect(try await fixture.eventually { try await fixture.instance(id)?.powerState == .paused })
            #expect(try await fixture.instance(id)?.vmState == .active)
            fixture.driver.outsideChange(id, to: .running)
            #expect(try await fixture.eventually { try await fixture.instance(id)?.powerState == .running })
        }
        await fixture.close()
    }

    @Test("A guest that vanishes is told of by an error event and a log line, once; its instance is kept")
    func vanished() async throws {
        let fixture = try ManagerFixture()
        try await fixture.run { manager async throws in
            try await fixture.perform(manager, Requests.run())
            fixture.driver.outsideRemoval(of: id)
            #expect(try await fixture.eventually { try await fixture.instance(id)?.powerState == .noState })
            #expect(try await fixture.instance(id)?.vmState == .active)
            let event = try await fixture.events().last
            #expect(event?["event_type"]?.string == "sync_power_state")
            #expect(event?["priority"]?.string == "ERROR")
            #expect(event?["payload"]?["exception"]?["kind"]?.string == "instanceNotFound")
            #expect(
                try await fixture.eventually {
                    fixture.logs.all.contains { $0.contains("warning a guest has vanished") }
                })
            try await settle(fixture, manager)
            #expect(try await fixture.eventTypes().filter { $0 == "sync_power_state" }.count == 1)
            fixture.driver.outsideChange(id, to: .running, isTold: false)
            try await settle(fixture, manager)
            #expect(try await fixture.instance(id)?.powerState == .running)
        }
        await fixture.close()
    }

    @Test("A guest that nobody owns is reported once and left alone")
    func foreign() async throws {
        let fixture = try ManagerFixture()
        let stranger = try #require(InstanceID("0f8fad5b-d9cb-469f-a165-70867728950e"))
        let silent = try #require(InstanceID("1f8fad5b-d9cb-469f-a165-70867728950e"))
        try await fixture.run { manager async throws in
            try await fixture.perform(manager, Requests.run())
            let calls = calls(fixture)
            fixture.driver.outsideChange(stranger, to: .running)
            #expect(try await fixture.eventually { manager.guests.foreign == 1 })
            fixture.driver.outsideChange(silent, to: .shutdown, isTold: false)
            try await settle(fixture, manager)
            #expect(manager.guests.foreign == 2)
            try await settle(fixture, manager)
            #expect(fixture.logs.all.filter { $0.contains("a guest is here that no instance owns") }.count == 2)
            #expect(self.calls(fixture) == calls)
            #expect(try await fixture.driver.instances().count == 3)
            #expect(try await fixture.instance(stranger) == nil)
            fixture.driver.outsideRemoval(of: stranger)
            try await settle(fixture, manager)
            #expect(manager.guests.foreign == 1)
        }
        await fixture.close()
    }

    @Test("What changed while the worker was away is found when it starts")
    func away() async throws {
        let fixture = try ManagerFixture()
        let other = "1aaaaaaa-2c05-413b-b16b-7b044ffa6469"
        let third = "2aaaaaaa-2c05-413b-b16b-7b044ffa6469"
        let ids = try [other, third].map { try #require(InstanceID($0)) }
        try await fixture.run { manager async throws in
            try await fixture.perform(manager, Requests.run(), Requests.run(other), Requests.run(third))
        }
        fixture.driver.outsideChange(id, to: .shutdown)
        fixture.driver.outsideRemoval(of: ids[0])
        try await fixture.run { manager async throws in
            #expect(try await fixture.eventually { try await fixture.instance(id)?.vmState == .stopped })
            #expect(try await fixture.eventually { try await fixture.instance(ids[0])?.powerState == .noState })
            #expect(try await fixture.instance(ids[1])?.powerState == .running)
        }
        await fixture.close()
    }

    @Test("Nothing follows from a hypervisor that can't be asked, and all of it does when it is back")
    func unreachable() async throws {
        let fixture = try ManagerFixture()
        try await fixture.run { manager async throws in
            try await fixture.perform(manager, Requests.run())
            let gone = ComputeFault(.unavailable, "libvirt is not connected")
            for operation in [DriverOperation.listInstances, .info] {
                fixture.driver.faults.plan(.fail(gone), for: operation)
            }
            fixture.driver.outsideRemoval(of: id)
            let before = fixture.driver.faults.calls(of: .info)
            #expect(try await fixture.eventually { fixture.driver.faults.calls(of: .info) > before + 2 })
            try await settle(fixture, manager)
            #expect(try await fixture.instance(id)?.powerState == .running)
            #expect(try await fixture.eventTypes().count == 2)
            fixture.driver.faults.clear()
            fixture.driver.tellToResynchronize()
            #expect(try await fixture.eventually { try await fixture.instance(id)?.powerState == .noState })
        }
        await fixture.close()
    }

    @Test("What our own operations do to a guest is theirs: nothing is told twice and no guest is asked for it")
    func attribution() async throws {
        let fixture = try ManagerFixture()
        try await fixture.run { manager async throws in
            try await fixture.perform(
                manager, Requests.run(), Requests.of(Requests.id, "reboot_instance", ["reboot_type": "HARD"]),
                Requests.of(Requests.id, "stop_instance"), Requests.of(Requests.id, "start_instance"))
            let events = try await fixture.events().count
            let looks = fixture.driver.faults.calls(of: .info)
            try await settle(fixture, manager)
            #expect(try await fixture.events().count == events)
            #expect(fixture.driver.faults.calls(of: .info) == looks)
            try await fixture.perform(manager, Requests.of(Requests.id, "terminate_instance"))
            let last = try await fixture.events().count
            try await settle(fixture, manager)
            #expect(try await fixture.events().count == last)
            #expect(manager.guests.foreign == 0)
        }
        await fixture.close()
    }

    @Test("A guest that stops during an operation of its instance is looked at when that has ended")
    func duringOperation() async throws {
        let fixture = try ManagerFixture()
        try await fixture.run { manager async throws in
            try await fixture.perform(manager, Requests.run())
            let point = fixture.driver.faults.hang(.info, call: fixture.driver.faults.calls(of: .info) + 2)
            try await fixture.submit(manager, Requests.of(Requests.id, "reboot_instance", ["reboot_type": "HARD"]))
            // The operation has restarted the guest and reads its state; it is told what was true a moment ago.
            await point.reached()
            point.release()
            fixture.driver.outsideChange(id, to: .shutdown)
            await fixture.idle()
            #expect(try await fixture.eventually { try await fixture.instance(id)?.vmState == .stopped })
        }
        await fixture.close()
    }

    @Test(
        "A guest that a reboot switches off after it was given up is followed: its instance is stopped, with events",
        arguments: [true, false])
    func lateReboot(isTold: Bool) async throws {
        let fixture = try ManagerFixture()
        try await fixture.run { manager async throws in
            try await fixture.perform(manager, Requests.run())
            // The driver has answered for a call that still goes on in the hypervisor.
            fixture.driver.faults.plan(
                .fail(ComputeFault(.timeout, "libvirt is overdue")), for: .reboot, call: 1)
            try await fixture.perform(
                manager, Requests.of(Requests.id, "reboot_instance", ["reboot_type": "HARD"]))
            #expect(try await fixture.instance(id)?.vmState == .active)
            #expect(try await fixture.eventTypes().last == "reboot_instance")
            // Its destroy comes through, and nobody begins the guest anew.
            fixture.driver.outsideChange(id, to: .shutdown, isTold: isTold)
            if !isTold { fixture.driver.tellToResynchronize() }
            #expect(try await fixture.eventually { try await fixture.instance(id)?.vmState == .stopped })
            #expect(
                try await fixture.eventTypes().suffix(2) == [
                    "compute.instance.power_off.start", "compute.instance.power_off.end",
                ])
        }
        await fixture.close()
    }

    @Test("500 guests: the worker serves at once, reads all of them in one question, and touches none")
    func many() async throws {
        let fixture = try ManagerFixture()
        let template = try Instance(fields: Requests.instance)
        let ids = (0..<500).map {
            InstanceID(bits: UniqueBits(high: 0xAAAA_0000_0000_4000, low: 0x8000_0000_0000_0000 + $0))
        }
        let rows = try ids.map { id in
            var fields = template.fields
            fields["uuid"] = .string(id.description)
            var instance = try Instance(fields: fields)
            (instance.host, instance.vmState, instance.taskState, instance.powerState) =
                (ManagerFixture.host, .active, nil, .running)
            return instance
        }
        try await fixture.store.write { transaction in
            for row in rows { try transaction.save(row) }
        }
        for id in ids { fixture.driver.outsideChange(id, to: .running) }
        fixture.driver.outsideChange(ids[7], to: .shutdown)
        let read = try await fixture.run { manager async throws in
            // The clock stands, and with it the reading of the guests: a cast is served all the same.
            try await fixture.perform(manager, Requests.run())
            #expect(fixture.driver.faults.calls(of: .listInstances) == 0)
            let began = ContinuousClock.now
            #expect(try await fixture.eventually { try await fixture.instance(ids[7])?.vmState == .stopped })
            return ContinuousClock.now - began
        }
        #expect(read < .seconds(10))
        #expect(fixture.driver.faults.calls(of: .listInstances) == 1)
        #expect(calls(fixture) == [1, 0, 0, 0, 0])
        #expect(fixture.driver.faults.calls(of: .info) < 6, "one that differs, and the build's own")
        await fixture.close()
    }
}
