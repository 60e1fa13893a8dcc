// SPDX-License-Identifier: Apache-2.0

import ComputeDriver
import ComputeModel
import Foundation
import LibvirtDriver
import Logging
import TestSupport
import Testing

@Suite("The libvirt driver, on a libvirtd of its own with real guests", .timeLimit(.minutes(5)))
struct LibvirtDriverTests {
    /// Every file below the instances' directory.
    private func files(_ server: LibvirtServer) -> [String] {
        let path = server.directory.appending(path: "instances").path
        return (try? FileManager.default.subpathsOfDirectory(atPath: path)) ?? []
    }

    private func console(_ driver: LibvirtDriver, _ instance: Instance) async throws -> String {
        String(decoding: try await driver.consoleOutput(instance), as: UTF8.self)
    }

    @Test("builds a guest that runs, is seen by virsh, and speaks on its console; then removes all of it")
    func spawnAndDestroy() async throws {
        try await Guests.withDriver { driver, server async throws in
            let instance = try Guests.newInstance(["root_gb": 1])
            try await driver.spawn(Guests.request(instance, server))
            #expect(try await server.virsh("domstate", instance.id.description) == "running")
            #expect(try await server.virsh("domname", instance.id.description) == instance.name)
            #expect(try await driver.info(instance.id).powerState == .running)
            #expect(try await driver.info(instance.id).memory == .mib(16))
            #expect(
                try await driver.instances() == [
                    InstanceSummary(id: instance.id, name: instance.name, powerState: .running)
                ])
            #expect(
                try await eventually { try await console(driver, instance).contains(LibvirtServer.bootSectorWords) })
            let directory = server.directory.appending(path: "instances/\(instance.id)")
            let mode = try FileManager.default.attributesOfItem(atPath: directory.path)[.posixPermissions] as? Int
            #expect(mode == 0o700)
            let blocks = try await server.virsh("domblkinfo", instance.id.description, "vda")
            #expect(blocks.contains("1073741824"))
            #expect(try await server.virsh("dumpxml", instance.id.description).contains("<nova:instance"))
            try await driver.destroy(instance)
            #expect(try await server.virsh("list", "--all", "--name") == "")
            #expect(files(server) == [])
            try await driver.destroy(instance)
            await #expect { try await driver.info(instance.id) } throws: {
                ($0 as? ComputeFault)?.kind == .instanceNotFound
            }
            await #expect { try await driver.consoleOutput(instance) } throws: {
                ($0 as? ComputeFault)?.kind == .instanceNotFound
            }
        }
    }

    @Test("stops and starts a guest, each twice without harm")
    func power() async throws {
        try await Guests.withDriver { driver, server async throws in
            let instance = try Guests.newInstance()
            try await driver.spawn(Guests.request(instance, server))
            let first = try await driver.info(instance.id).bootIdentity
            for _ in 0..<2 {
                try await driver.powerOff(instance)
                #expect(try await server.virsh("domstate", instance.id.description) == "shut off")
                #expect(try await driver.info(instance.id).powerState == .shutdown)
                #expect(try await driver.info(instance.id).bootIdentity == nil)
            }
            for _ in 0..<2 {
                try await driver.powerOn(instance)
                #expect(try await driver.info(instance.id).powerState == .running)
            }
            #expect(try await driver.info(instance.id).bootIdentity != first)
            _ = try await server.virsh("suspend", instance.id.description)
            #expect(try await driver.info(instance.id).powerState == .paused)
            try await driver.powerOn(instance)
            #expect(try await driver.info(instance.id).powerState == .running)
            #expect(
                try await eventually { try await console(driver, instance).contains(LibvirtServer.bootSectorWords) })
        }
    }

    @Test("tells a guest that is just being started as changing until it runs, never as off or paused by itself")
    func changing() async throws {
        try await Guests.withDriver { driver, server async throws in
            let instance = try Guests.newInstance()
            try await driver.spawn(Guests.request(instance, server))
            var changing = 0
            for _ in 0..<20 where changing == 0 {
                try await driver.powerOff(instance)
                let readings = try await withThrowingTaskGroup(of: Void.self) { group in
                    group.addTask { _ = try await server.virsh("start", instance.id.description) }
                    var readings: [InstanceInfo] = []
                    while readings.last.map({ $0.powerState == .running && !$0.isChanging }) != true {
                        readings.append(try await driver.info(instance.id))
                    }
                    try await group.waitForAll()
                    return readings
                }
                let begun = readings.drop { $0.powerState == .shutdown && !$0.isChanging }.dropLast()
                let isTold = begun.allSatisfy { $0.isChanging }
                #expect(isTold)
                changing += begun.count
            }
            #expect(changing > 0)
            #expect(try await driver.info(instance.id).bootIdentity != nil)
        }
    }

    @Test("reboots hard, and softly a guest that ignores the power button, by a restart after the wait")
    func reboot() async throws {
        try await Guests.withDriver { driver, server async throws in
            let instance = try Guests.newInstance()
            try await driver.spawn(Guests.request(instance, server))
            let first = try #require(try await driver.info(instance.id).bootIdentity)
            try await driver.reboot(RebootRequest(instance: instance, type: .hard))
            let second = try #require(try await driver.info(instance.id).bootIdentity)
            #expect(second != first)
            let began = ContinuousClock.now
            try await driver.reboot(RebootRequest(instance: instance, type: .soft))
            #expect(ContinuousClock.now - began >= .seconds(1))
            let third = try #require(try await driver.info(instance.id).bootIdentity)
            #expect(third != second)
            #expect(try await driver.info(instance.id).powerState == .running)
            try await driver.powerOff(instance)
            try await driver.reboot(RebootRequest(instance: instance, type: .soft))
            #expect(try await driver.info(instance.id).powerState == .running)
            let nobody = try Guests.newInstance()
            await #expect { try await driver.reboot(RebootRequest(instance: nobody, type: .hard)) } throws: {
                ($0 as? ComputeFault)?.kind == .instanceNotFound
            }
        }
    }

    @Test("a soft reboot is done as soon as the guest has gone down, long before the wait is over")
    func softReboot() async throws {
        try await LibvirtServer.withServer { server async throws in
            var configuration = Guests.configuration(server)
            configuration.softRebootWait = .seconds(200)
            let (words, writer) = AsyncStream<String>.makeStream()
            var logger = Logger(label: "test") { _ in LogWords(continuation: writer) }
            logger.logLevel = .debug
            try await Guests.withDriver(configuration, logger: logger) { driver async throws in
                let instance = try Guests.newInstance()
                try await driver.spawn(Guests.request(instance, server))
                let first = try await driver.info(instance.id).bootIdentity
                let began = ContinuousClock.now
                // The plug stands for a guest that obeys: what libvirt tells of is the same.
                async let reboot: Void = driver.reboot(RebootRequest(instance: instance, type: .soft))
                #expect(await words.contains("power button pressed, waiting for the guest"))
                _ = try await server.virsh("destroy", instance.id.description)
                try await reboot
                #expect(ContinuousClock.now - began < .seconds(60))
                writer.finish()
                #expect(await !words.contains("soft reboot becomes a hard one"))
                #expect(try await driver.info(instance.id).bootIdentity != first)
                #expect(try await driver.info(instance.id).powerState == .running)
            }
        }
    }

    @Test("refuses to build an instance twice and leaves the first alone")
    func twice() async throws {
        try await Guests.withDriver { driver, server async throws in
            let instance = try Guests.newInstance()
            try await driver.spawn(Guests.request(instance, server))
            let boot = try await driver.info(instance.id).bootIdentity
            await #expect { try await driver.spawn(Guests.request(instance, server)) } throws: {
                ($0 as? ComputeFault)?.kind == .instanceExists
            }
            #expect(try await driver.info(instance.id).bootIdentity == boot)
        }
    }

    @Test("builds many guests side by side")
    func many() async throws {
        try await Guests.withDriver { driver, server async throws in
            let instances = try (0..<6).map { _ in try Guests.newInstance() }
            let requests = try await Guests.request(instances[0], server)
            try await withThrowingTaskGroup(of: Void.self) { group in
                for instance in instances {
                    group.addTask { try await driver.spawn(SpawnRequest(instance: instance, image: requests.image)) }
                }
                try await group.waitForAll()
            }
            #expect(Set(try await driver.instances().map(\.id)) == Set(instances.map(\.id)))
            #expect(try await driver.instances().allSatisfy { $0.powerState == .running })
            let resources = try await driver.hostResources()
            #expect(resources.vcpusUsed == 6)
            #expect(resources.hypervisorType == "QEMU")
            #expect(resources.hypervisorVersion >= 7_000_000)
            #expect(resources.disk > .zero && resources.memory > .zero && resources.vcpus > 0)
            try await withThrowingTaskGroup(of: Void.self) { group in
                for instance in instances { group.addTask { try await driver.destroy(instance) } }
                try await group.waitForAll()
            }
            #expect(try await driver.instances().isEmpty)
            #expect(files(server) == [])
        }
    }

    @Test("tells of what happens to a guest without its doing")
    func events() async throws {
        try await Guests.withDriver { driver, server async throws in
            let instance = try Guests.newInstance()
            try await driver.spawn(Guests.request(instance, server))
            var events = driver.lifecycleEvents().makeAsyncIterator()
            for (command, state) in [
                ("suspend", PowerState.paused), ("resume", .running), ("destroy", .shutdown), ("start", .running),
            ] {
                _ = try await server.virsh(command, instance.id.description)
                #expect(await events.next() == .changed(instance.id, state))
                // Starting ends in "resumed" as well.
                if command == "start" { #expect(await events.next() == .changed(instance.id, .running)) }
            }
        }
    }

    @Test("tells the host's uptime and what it stands on")
    func host() async throws {
        try await Guests.withDriver { driver, server async throws in
            #expect(try await driver.hostUptime().contains("load average: "))
            let summary = await driver.summary()
            #expect(summary.hasPrefix("QEMU "))
            #expect(summary.contains("by libvirt 9.") || summary.contains("by libvirt 1"))
            #expect(summary.hasSuffix("guests by qemu because virt_type says so"))
            #expect(await driver.virtTypeChoice().type == .qemu)
        }
    }
}

/// Hands on the words of each line that is logged.
private struct LogWords: LogHandler {
    let continuation: AsyncStream<String>.Continuation
    var metadata: Logger.Metadata = [:]
    var logLevel: Logger.Level = .debug

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) { continuation.yield("\(event.message)") }
}
