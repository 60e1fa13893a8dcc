// SPDX-License-Identifier: Apache-2.0

import ComputeDriver
import ComputeManager
import ComputeModel
import FakeDriver
import Testing
import WorkerStore

@Suite("A terminate takes the place of what is before it", .timeLimit(.minutes(1)))
struct InterruptionTests {
    private let id = InstanceID(bits: Requests.instanceID)

    @Test("A running build undoes itself, then the terminate begins")
    func runningBuild() async throws {
        let fixture = try ManagerFixture()
        let point = fixture.driver.faults.hang(.spawn)
        let entry = try await fixture.run { manager in
            let entries = try await fixture.submit(manager, Requests.run(Requests.id, Requests.retry))
            await point.reached()
            try await fixture.submit(manager, Requests.of(Requests.id, "terminate_instance"))
            point.release()
            await fixture.idle()
            return entries[0]
        }
        #expect(try await fixture.finished(entry)?.outcome == .superseded)
        #expect(try await fixture.instance(id) == nil)
        #expect(try await fixture.driver.instances().isEmpty)
        #expect(try await fixture.resources(id).isEmpty)
        #expect(
            try await fixture.eventTypes() == [
                "compute.instance.create.start", "run_instance", "compute.instance.delete.start",
                "compute.instance.shutdown.start", "compute.instance.shutdown.end", "compute.instance.delete.end",
            ])
        #expect(try await !fixture.outbox().contains { $0.kind == .cast })
        await fixture.close()
    }

    @Test("A build that waits for its image makes way at once")
    func waitsForImage() async throws {
        let fixture = try ManagerFixture()
        let images = AbsentImages()
        let entry = try await fixture.run(images: images) { manager in
            let entries = try await fixture.submit(manager, Requests.run(Requests.id, Requests.retry))
            await images.reached()
            try await fixture.submit(manager, Requests.of(Requests.id, "terminate_instance"))
            await fixture.idle()
            return entries[0]
        }
        #expect(try await fixture.finished(entry)?.outcome == .superseded)
        #expect(fixture.driver.faults.calls(of: .spawn) == 0)
        #expect(try await fixture.instance(id) == nil)
        await fixture.close()
    }

    @Test("A build whose image does not come ends in ERROR after the image's deadline")
    func imageDoesNotCome() async throws {
        let fixture = try ManagerFixture()
        try await fixture.run(images: AbsentImages()) { manager in
            try await fixture.submit(manager, Requests.run(Requests.id, Requests.retry))
            await fixture.clock.sleeper(for: .seconds(120))
            fixture.clock.advance(by: .seconds(120))
            await fixture.idle()
        }
        #expect(try await fixture.instance(id)?.vmState == .error)
        let event = try #require(try await fixture.events().last)
        #expect(event["payload"]?["exception"]?["kind"] == "timeout")
        await fixture.close()
    }

    @Test("A build whose driver call hangs is freed by destroying its guest after the grace")
    func hangingBuild() async throws {
        let fixture = try ManagerFixture()
        let point = fixture.driver.faults.hang(.spawn)
        try await fixture.run { manager in
            try await fixture.submit(manager, Requests.run())
            await point.reached()
            try await fixture.submit(manager, Requests.of(Requests.id, "terminate_instance"))
            await fixture.clock.sleeper(for: .seconds(5))
            fixture.clock.advance(by: .seconds(5))
            await fixture.idle()
        }
        #expect(try await fixture.instance(id) == nil)
        #expect(try await fixture.driver.instances().isEmpty)
        #expect(try await fixture.eventTypes().last == "compute.instance.delete.end")
        await fixture.close()
    }

    @Test("Requests that wait before a terminate end as superseded, each with an event and its reply")
    func waiting() async throws {
        let fixture = try ManagerFixture()
        let point = fixture.driver.faults.hang(.spawn)
        let entries = try await fixture.run { manager in
            try await fixture.submit(manager, Requests.run())
            await point.reached()
            let entries = try await fixture.submit(
                manager, Requests.of(Requests.id, "stop_instance", message: "m1"),
                Requests.of(Requests.id, "reboot_instance"), Requests.of(Requests.id, "terminate_instance"))
            point.release()
            await fixture.idle()
            return entries
        }
        #expect(try await fixture.finished(entries[0])?.outcome == .superseded)
        #expect(try await fixture.finished(entries[1])?.outcome == .superseded)
        #expect(try await fixture.finished(entries[2])?.outcome == .succeeded)
        let types = try await fixture.eventTypes()
        #expect(
            types.filter { ["stop_instance", "reboot_instance"].contains($0) } == ["stop_instance", "reboot_instance"])
        let reply = try #require(try await fixture.outbox().first { $0.kind == .reply })
        #expect(try JSONParser.parse(reply.body)["failure"] == "superseded")
        #expect(fixture.driver.faults.calls(of: .powerOff) == 0)
        await fixture.close()
    }

    @Test("What comes after a terminate is done after it")
    func after() async throws {
        let fixture = try ManagerFixture()
        try await fixture.run { manager in
            try await fixture.submit(
                manager, Requests.run(), Requests.of(Requests.id, "terminate_instance"), Requests.run())
            await fixture.idle()
        }
        #expect(try await fixture.instance(id)?.vmState == .active)
        #expect(try await fixture.driver.info(id).powerState == .running)
        await fixture.close()
    }

    @Test("A hanging instance holds up nobody else, and a terminate gets past builds that take all slots")
    func others() async throws {
        let fixture = try ManagerFixture {
            $0.buildSlots = 1
            $0.operationSlots = 1
        }
        let point = fixture.driver.faults.hang(.spawn)
        let waiting = "00000000-0000-4000-8000-000000000002"
        let running = "00000000-0000-4000-8000-000000000003"
        try await fixture.run { manager in
            try await fixture.submit(manager, Requests.run())
            await point.reached()
            let entries = try await fixture.submit(
                manager, Requests.run(waiting), Requests.of(waiting, "terminate_instance"),
                Requests.of(running, "terminate_instance"))
            _ = await fixture.store.wait { $0.unfinished == 1 }
            #expect(try await fixture.finished(entries[0])?.outcome == .superseded)
            #expect(fixture.driver.faults.calls(of: .spawn) == 1)
            point.release()
            await fixture.idle()
        }
        #expect(try await fixture.instance(id)?.vmState == .active)
        await fixture.close()
    }
}
