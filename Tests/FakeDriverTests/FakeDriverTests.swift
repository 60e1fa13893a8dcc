// SPDX-License-Identifier: Apache-2.0

import ComputeDriver
import ComputeModel
import FakeDriver
import Testing

@Suite("The fake hypervisor", .timeLimit(.minutes(1)))
struct FakeDriverTests {
    private let driver = FakeDriver()
    private let instance: Instance

    init() throws {
        instance = try Instance(fields: [
            "uuid": "f53be0a8-2c05-413b-b16b-7b044ffa6469", "name": "instance-00000001", "memory_mb": 512, "vcpus": 2,
            "root_gb": 3,
        ])
    }

    private func spawn() async throws { try await driver.spawn(SpawnRequest(instance: instance, image: nil)) }

    private func kind(_ body: () async throws -> Void) async -> ComputeFault.Kind? {
        do {
            try await body()
            return nil
        } catch {
            return (error as? ComputeFault)?.kind
        }
    }

    @Test("A guest that was spawned runs, is listed and counts as used")
    func spawned() async throws {
        try await spawn()
        let info = try await driver.info(instance.id)
        #expect(info.powerState == .running)
        #expect(info.memory == .mib(512))
        #expect(info.vcpus == 2)
        #expect(info.bootIdentity != nil)
        #expect(
            try await driver.instances() == [
                InstanceSummary(id: instance.id, name: "instance-00000001", powerState: .running)
            ])
        let resources = try await driver.hostResources()
        #expect(resources.memoryUsed == .mib(512))
        #expect(resources.vcpusUsed == 2)
        #expect(resources.diskUsed == .gib(3))
    }

    @Test("A second spawn of the same guest fails and leaves the first alone")
    func spawnedTwice() async throws {
        try await spawn()
        let boot = try await driver.info(instance.id).bootIdentity
        #expect(await kind { try await spawn() } == .instanceExists)
        #expect(try await driver.info(instance.id).bootIdentity == boot)
    }

    @Test("Power states are those that libvirt shows, and switching twice is switching once")
    func power() async throws {
        try await spawn()
        let boot = try await driver.info(instance.id).bootIdentity
        try await driver.powerOff(instance)
        try await driver.powerOff(instance)
        #expect(try await driver.info(instance.id).powerState == .shutdown)
        #expect(try await driver.info(instance.id).bootIdentity == nil)
        try await driver.powerOn(instance)
        let after = try await driver.info(instance.id)
        #expect(after.powerState == .running)
        #expect(after.bootIdentity != boot)
        try await driver.powerOn(instance)
        #expect(try await driver.info(instance.id).bootIdentity == after.bootIdentity)
    }

    @Test("A reboot gives the guest a new boot identity")
    func reboot() async throws {
        try await spawn()
        let boot = try await driver.info(instance.id).bootIdentity
        try await driver.reboot(RebootRequest(instance: instance, type: .hard))
        #expect(try await driver.info(instance.id).bootIdentity != boot)
    }

    @Test("What is asked of a guest that is not there fails, but to destroy it is success")
    func missing() async throws {
        #expect(await kind { _ = try await driver.info(instance.id) } == .instanceNotFound)
        #expect(await kind { try await driver.powerOff(instance) } == .instanceNotFound)
        #expect(await kind { try await driver.powerOn(instance) } == .instanceNotFound)
        #expect(await kind { _ = try await driver.consoleOutput(instance) } == .instanceNotFound)
        #expect(
            await kind { try await driver.reboot(RebootRequest(instance: instance, type: .soft)) } == .instanceNotFound)
        try await driver.destroy(instance)
        try await spawn()
        try await driver.destroy(instance)
        #expect(try await driver.instances().isEmpty)
    }

    @Test("The console holds nova's three lines")
    func console() async throws {
        try await spawn()
        let text = String(decoding: try await driver.consoleOutput(instance), as: UTF8.self)
        #expect(text == "FAKE CONSOLE OUTPUT\nANOTHER\nLAST LINE")
    }

    @Test("A planned failure strikes the planned call alone and has no effect")
    func fails() async throws {
        driver.faults.plan(.fail(ComputeFault(.hypervisorFailure, "no luck")), for: .spawn, call: 2)
        try await spawn()
        try await driver.destroy(instance)
        #expect(await kind { try await spawn() } == .hypervisorFailure)
        #expect(try await driver.instances().isEmpty)
        try await spawn()
        #expect(driver.faults.calls(of: .spawn) == 3)
    }

    @Test("A call can have its effect and fail all the same")
    func failsAfterwards() async throws {
        driver.faults.plan(.failAfterwards(ComputeFault(.timeout, "no answer")), for: .spawn)
        #expect(await kind { try await spawn() } == .timeout)
        #expect(try await driver.info(instance.id).powerState == .running)
        driver.faults.clear()
        try await driver.reboot(RebootRequest(instance: instance, type: .hard))
    }

    @Test("A call that hangs goes on when it is released")
    func hangs() async throws {
        let point = driver.faults.hang(.spawn)
        async let spawning: Void = spawn()
        await point.reached()
        #expect(try await driver.instances().isEmpty)
        point.release()
        try await spawning
        #expect(try await driver.info(instance.id).powerState == .running)
    }

    @Test("To destroy a guest ends the call that hangs with it")
    func destroyFreesHangingCall() async throws {
        let point = driver.faults.hang(.spawn)
        async let outcome = kind { try await spawn() }
        await point.reached()
        try await driver.destroy(instance)
        #expect(await outcome == .hypervisorFailure)
        #expect(try await driver.instances().isEmpty)
    }

    @Test("State changes are told to every listener")
    func lifecycle() async throws {
        var first = driver.lifecycleEvents().makeAsyncIterator()
        var second = driver.lifecycleEvents().makeAsyncIterator()
        try await spawn()
        try await driver.powerOff(instance)
        try await driver.destroy(instance)
        #expect(await first.next() == .changed(instance.id, .running))
        #expect(await first.next() == .changed(instance.id, .shutdown))
        #expect(await second.next() == .changed(instance.id, .running))
    }

    @Test("A listener that reads too slowly is told to look for itself")
    func slowListener() async throws {
        let events = driver.lifecycleEvents()
        try await spawn()
        for _ in 0..<300 { try await driver.reboot(RebootRequest(instance: instance, type: .hard)) }
        var isTold = false
        for await event in events where event == .resynchronize {
            isTold = true
            break
        }
        #expect(isTold)
    }

    @Test("run() returns when its task is cancelled")
    func runEnds() async throws {
        let driver = driver
        await withTaskGroup(of: Void.self) { group in
            group.addTask { try? await driver.run() }
            group.cancelAll()
        }
    }
}
