// SPDX-License-Identifier: Apache-2.0

import ComputeDriver
import ComputeModel
import Foundation
import LibvirtDriver
import TestSupport
import Testing

@Suite("Pausing and suspending real guests", .serialized, .timeLimit(.minutes(3)))
struct PausingTests {
    private func lines(_ driver: LibvirtDriver, _ instance: Instance) async throws -> Int {
        String(decoding: try await driver.consoleOutput(instance), as: UTF8.self)
            .split(whereSeparator: \.isNewline).count { $0 == LibvirtServer.bootSectorWords }
    }

    @Test("a paused guest stands still and goes on where it was; each twice without harm")
    func pause() async throws {
        try await Guests.withDriver { driver, server async throws in
            let instance = try Guests.newInstance()
            try await driver.spawn(Guests.request(instance, server))
            let boot = try await driver.info(instance.id).bootIdentity
            for _ in 0..<2 {
                try await driver.pause(instance)
                #expect(try await server.virsh("domstate", instance.id.description) == "paused")
                #expect(try await driver.info(instance.id).powerState == .paused)
            }
            for _ in 0..<2 {
                try await driver.unpause(instance)
                #expect(try await server.virsh("domstate", instance.id.description) == "running")
            }
            #expect(try await driver.info(instance.id).bootIdentity == boot)
            try await driver.powerOff(instance)
            await #expect { try await driver.pause(instance) } throws: {
                ($0 as? ComputeFault)?.kind == .instanceInvalidState
            }
            await #expect { try await driver.unpause(instance) } throws: {
                ($0 as? ComputeFault)?.kind == .instanceInvalidState
            }
            #expect(try await driver.info(instance.id).powerState == .shutdown)
            let nobody = try Guests.newInstance()
            await #expect { try await driver.pause(nobody) } throws: {
                ($0 as? ComputeFault)?.kind == .instanceNotFound
            }
        }
    }

    @Test("a suspended guest is off with its memory on the disk, and goes on from there without a boot")
    func suspend() async throws {
        try await Guests.withDriver { driver, server async throws in
            let instance = try Guests.newInstance()
            try await driver.spawn(Guests.request(instance, server))
            #expect(try await eventually { try await lines(driver, instance) >= 3 })
            for _ in 0..<2 {
                try await driver.suspend(instance)
                #expect(try await server.virsh("dominfo", instance.id.description).contains("Managed save:   yes"))
                #expect(try await driver.info(instance.id).powerState == .shutdown)
            }
            for _ in 0..<2 {
                try await driver.resume(instance)
                #expect(try await driver.info(instance.id).powerState == .running)
            }
            #expect(try await server.virsh("dominfo", instance.id.description).contains("Managed save:   no"))
            // libvirt begins the log anew; a boot would first write the BIOS's words, and a restored guest has none.
            #expect(try await eventually { try await lines(driver, instance) >= 2 })
            let words = String(decoding: try await driver.consoleOutput(instance), as: UTF8.self)
            #expect(!words.contains("SeaBIOS"))

            try await driver.pause(instance)
            try await driver.suspend(instance)
            try await driver.resume(instance)
            #expect(try await driver.info(instance.id).powerState == .running, "a paused guest runs when it is resumed")

            try await driver.suspend(instance)
            try await driver.reboot(RebootRequest(instance: instance, type: .hard))
            #expect(try await server.virsh("dominfo", instance.id.description).contains("Managed save:   no"))
            try await driver.powerOff(instance)
            await #expect { try await driver.suspend(instance) } throws: {
                ($0 as? ComputeFault)?.kind == .instanceInvalidState
            }
            try await driver.powerOn(instance)
            try await driver.suspend(instance)
            try await driver.destroy(instance)
            #expect(try await server.virsh("list", "--all", "--name") == "")
        }
    }

    @Test("a suspend that is cancelled leaves the guest running, or suspended where it was done before")
    func cancelled() async throws {
        try await Guests.withDriver { driver, server async throws in
            // Memory that was never touched is not saved; a large one takes its time all the same.
            let instance = try Guests.newInstance(["memory_mb": 1024])
            try await driver.spawn(Guests.request(instance, server))
            let boot = try await driver.info(instance.id).bootIdentity
            var wasCancelled = false
            // Moments to be cancelled at, none of them waited for: a suspend tells nothing of how far it is. The task
            // is not the test's own, because its cancellation is what is tried.
            for delay in [0, 20, 60, 120, 200] where !wasCancelled {
                let suspend = Task { try await driver.suspend(instance) }
                try await Task.sleep(for: .milliseconds(delay))
                suspend.cancel()
                switch await suspend.result {
                case .success:
                    #expect(try await driver.info(instance.id).powerState == .shutdown)
                    try await driver.resume(instance)
                case .failure(let error):
                    #expect(error is CancellationError, "\(error)")
                    let now = try await driver.info(instance.id)
                    #expect(now.powerState == .running)
                    wasCancelled = delay > 0 && now.bootIdentity == boot
                }
            }
        }
    }
}
