// SPDX-License-Identifier: Apache-2.0

import ComputeDriver
import ComputeModel
import Foundation
import Synchronization
import TestSupport
import Testing

@testable import Libvirt
@testable import LibvirtDriver

@Suite("The libvirt driver, when something fails", .timeLimit(.minutes(5)))
struct FailureTests {
    private func expectNothingLeft(_ server: LibvirtServer, _ place: Comment) async throws {
        #expect(try await server.virsh("list", "--all", "--name") == "", place)
        let path = server.directory.appending(path: "instances").path
        #expect((try? FileManager.default.subpathsOfDirectory(atPath: path)) ?? [] == [], place)
    }

    @Test("a build that fails at any of its steps leaves nothing")
    func everyStep() async throws {
        try await Guests.withDriver { driver, server async throws in
            let image = try await Guests.image(server)
            let good = try Guests.newInstance()

            // Disk: the image is not there.
            let absent = LocalImage(metadata: image.metadata, path: "/nonexistent/image", virtualSize: 1 << 20)
            await #expect { try await driver.spawn(SpawnRequest(instance: good, image: absent)) } throws: {
                guard let fault = $0 as? ComputeFault else { return false }
                return fault.kind == .hypervisorFailure && !fault.message.contains("/nonexistent")
            }
            try await expectNothingLeft(server, "disk")

            // Description: text that XML can't express.
            let odd = try Guests.newInstance()
            let kernel = LocalImage(
                metadata: image.metadata, path: image.path, virtualSize: 1 << 20, kernelPath: "/a\u{1}b")
            await #expect { try await driver.spawn(SpawnRequest(instance: odd, image: kernel)) } throws: {
                ($0 as? ComputeFault)?.kind == .invalid
            }
            try await expectNothingLeft(server, "description")

            // Define: libvirt knows no such processor.
            let alien = try Guests.newInstance(["architecture": "pdp11"])
            await #expect { try await driver.spawn(SpawnRequest(instance: alien, image: image)) } throws: {
                ($0 as? ComputeFault)?.kind == .hypervisorFailure
            }
            try await expectNothingLeft(server, "define")

            // Start: QEMU does not come up without its kernel.
            let kernelless = LocalImage(
                metadata: image.metadata, path: image.path, virtualSize: 1 << 20, kernelPath: "/nonexistent/kernel")
            await #expect { try await driver.spawn(SpawnRequest(instance: good, image: kernelless)) } throws: {
                guard let fault = $0 as? ComputeFault else { return false }
                return fault.kind == .hypervisorFailure && !fault.message.contains("/nonexistent")
            }
            try await expectNothingLeft(server, "start")

            // And the same instance can be built after all of it.
            try await driver.spawn(SpawnRequest(instance: good, image: image))
            #expect(try await driver.info(good.id).powerState == .running)
        }
    }

    @Test("a guest of whose start libvirt does not tell in time is taken back, though it runs")
    func unconfirmed() async throws {
        try await LibvirtServer.withServer { server async throws in
            var configuration = Guests.configuration(server)
            configuration.startWait = .seconds(3)
            let withheld = Mutex<[String]>([])
            let driver = LibvirtDriver(
                configuration: configuration, logger: Guests.quiet, now: LibvirtDriver.systemTime
            ) { event in
                guard event.kind == .started else { return true }
                withheld.withLock { $0.append(event.uuid) }
                return false
            }
            try await Guests.withDriver(driver) { driver async throws in
                let instance = try Guests.newInstance()
                let request = try await Guests.request(instance, server)
                let began = ContinuousClock.now
                await #expect { try await driver.spawn(request) } throws: {
                    ($0 as? ComputeFault)?.kind == .timeout
                }
                #expect(ContinuousClock.now - began >= .seconds(3))
                #expect(withheld.withLock { $0 } == [instance.id.description], "the guest was started, once")
                try await expectNothingLeft(server, "wait")
            }
        }
    }

    @Test("a cancelled build cleans up all the same")
    func cancelled() async throws {
        try await Guests.withDriver { driver, server async throws in
            let request = try await Guests.request(Guests.newInstance(), server)
            for delay in [0, 5, 20, 60, 150] {
                let build = Task { try await driver.spawn(request) }
                try await Task.sleep(for: .milliseconds(delay))
                build.cancel()
                if case .success = await build.result { try await driver.destroy(request.instance) }
                try await expectNothingLeft(server, "cancelled after \(delay) ms")
            }
        }
    }

    @Test(
        "a build that is cancelled once the guest was started comes to its end, whether or not libvirt's word is in",
        arguments: [false, true])
    func tooLate(isHeard: Bool) async throws {
        try await LibvirtServer.withServer { server async throws in
            let build = Mutex<Task<Void, any Error>?>(nil)
            let driver = LibvirtDriver(
                configuration: Guests.configuration(server), logger: Guests.quiet, now: LibvirtDriver.systemTime
            ) { event in
                guard event.kind == .started else { return true }
                build.withLock { $0 }?.cancel()
                return isHeard
            }
            try await Guests.withDriver(driver) { driver async throws in
                let instance = try Guests.newInstance()
                let request = try await Guests.request(instance, server)
                // A task of its own, because its cancellation is what is tried.
                let task = Task { try await driver.spawn(request) }
                build.withLock { $0 = task }
                try await task.value
                #expect(task.isCancelled)
                #expect(try await driver.info(instance.id).powerState == .running)
            }
        }
    }

    @Test("files of a build that was cut off make way for the next one")
    func leftovers() async throws {
        try await Guests.withDriver { driver, server async throws in
            let instance = try Guests.newInstance()
            let directory = server.directory.appending(path: "instances/\(instance.id)")
            try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
            try Data("old".utf8).write(to: directory.appending(path: "disk"))
            try await driver.spawn(Guests.request(instance, server))
            #expect(try await driver.info(instance.id).powerState == .running)
            try await driver.destroy(instance)
            try await expectNothingLeft(server, "destroy")
        }
    }

    @Test("a destroy finishes what a crash left half done: a domain without files, files without a domain")
    func halfGone() async throws {
        try await Guests.withDriver { driver, server async throws in
            let instance = try Guests.newInstance()
            try await driver.spawn(Guests.request(instance, server))
            let directory = server.directory.appending(path: "instances/\(instance.id)")
            try FileManager.default.removeItem(at: directory)
            try await driver.destroy(instance)
            try await expectNothingLeft(server, "domain without files")
            try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
            try await driver.destroy(instance)
            try await expectNothingLeft(server, "files without a domain")
        }
    }

    @Test("a read-only connection lists guests and changes none, before any side effect")
    func readOnly() async throws {
        try await Guests.withDriver { driver, server async throws in
            let instance = try Guests.newInstance()
            try await driver.spawn(Guests.request(instance, server))
            var configuration = Guests.configuration(server)
            configuration.isReadOnly = true
            configuration.uri = server.uri.replacingOccurrences(of: "libvirt-sock", with: "libvirt-sock-ro")
            try await Guests.withDriver(configuration) { reader async throws in
                #expect(try await reader.info(instance.id).powerState == .running)
                let refused: @Sendable (any Error) -> Bool = {
                    ($0 as? ComputeFault)?.message.contains("connection_read_only") == true
                }
                await #expect { try await reader.destroy(instance) } throws: { refused($0) }
                await #expect { try await reader.powerOff(instance) } throws: { refused($0) }
                await #expect { try await reader.powerOn(instance) } throws: { refused($0) }
                await #expect { try await reader.reboot(RebootRequest(instance: instance, type: .hard)) } throws: {
                    refused($0)
                }
                await #expect { try await reader.spawn(Guests.request(Guests.newInstance(), server)) } throws: {
                    refused($0)
                }
            }
            #expect(try await driver.info(instance.id).powerState == .running)
        }
    }
}

@Suite("The libvirt driver, when libvirtd goes away", .timeLimit(.minutes(5)))
struct AbsenceTests {
    @Test("fails calls with a retriable fault, comes back by itself, hears events again, and keeps its guests")
    func restart() async throws {
        try await Guests.withDriver { driver, server async throws in
            let instance = try Guests.newInstance()
            try await driver.spawn(Guests.request(instance, server))
            let boot = try await driver.info(instance.id).bootIdentity
            var events = driver.lifecycleEvents().makeAsyncIterator()
            try await server.kill()
            #expect(
                try await eventually {
                    do {
                        _ = try await driver.info(instance.id)
                        return false
                    } catch let fault as ComputeFault {
                        return fault.kind == .unavailable && fault.isRetriable
                    }
                })
            #expect(await driver.summary().contains("is not connected"))
            try await server.resume()
            #expect(await events.next() == .resynchronize)
            #expect(try await driver.info(instance.id).bootIdentity == boot)
            _ = try await server.virsh("suspend", instance.id.description)
            #expect(await events.next() == .changed(instance.id, .paused))
            try await server.restart()
            #expect(await events.next() == .resynchronize)
            try await driver.powerOn(instance)
            #expect(await events.next() == .changed(instance.id, .running))
            let other = try Guests.newInstance()
            try await driver.spawn(Guests.request(other, server))
            #expect(try await driver.instances().count == 2)
        }
    }

    @Test("answers in time while libvirtd hangs, and goes on when it does")
    func hang() async throws {
        try await LibvirtServer.withServer { server async throws in
            var configuration = Guests.configuration(server)
            configuration.callDeadline = .seconds(1)
            try await Guests.withDriver(configuration) { driver async throws in
                let instance = try Guests.newInstance()
                try await driver.spawn(Guests.request(instance, server))
                try server.freeze()
                let began = ContinuousClock.now
                await withTaskGroup(of: Void.self) { group in
                    for _ in 0..<20 {
                        group.addTask {
                            await #expect { try await driver.info(instance.id) } throws: {
                                // Overdue, or without a thread because the others' calls are.
                                guard let fault = $0 as? ComputeFault else { return false }
                                return [.timeout, .unavailable].contains(fault.kind) && fault.isRetriable
                            }
                        }
                    }
                }
                #expect(ContinuousClock.now - began < .seconds(15))
                try server.thaw()
                #expect(try await eventually { (try? await driver.info(instance.id).powerState) == .running })
            }
        }
    }

    @Test("takes back a build in which libvirtd was lost, once it is there again")
    func lostDuringBuild() async throws {
        try await LibvirtServer.withServer { server async throws in
            var configuration = Guests.configuration(server)
            configuration.undoWait = .seconds(60)
            try await Guests.withDriver(configuration) { driver async throws in
                let instance = try Guests.newInstance()
                let request = try await Guests.request(instance, server)
                let instances = server.directory.appending(path: "instances")
                async let build: Void = driver.spawn(request)
                #expect(
                    try await eventually {
                        FileManager.default.fileExists(atPath: instances.appending(path: "\(instance.id)").path)
                    })
                try await server.kill()
                try await server.resume()
                do {
                    try await build
                    // It was faster than the kill; what is left then is a guest, not a ruin.
                    #expect(try await driver.info(instance.id).powerState == .running)
                } catch let fault as ComputeFault {
                    #expect(fault.isRetriable)
                    #expect(try await server.virsh("list", "--all", "--name") == "")
                    #expect(try FileManager.default.contentsOfDirectory(atPath: instances.path) == [])
                }
            }
        }
    }

    @Test("is no error at the start: the driver says so and connects when libvirtd is there")
    func absentAtStart() async throws {
        try await LibvirtServer.withServer { server async throws in
            try await server.kill()
            try await Guests.withDriver(Guests.configuration(server)) { driver async throws in
                await #expect { try await driver.instances() } throws: {
                    guard let fault = $0 as? ComputeFault else { return false }
                    return fault.kind == .unavailable && fault.isRetriable && fault.message.contains("is not connected")
                }
                var events = driver.lifecycleEvents().makeAsyncIterator()
                try await server.resume()
                #expect(await events.next() == .resynchronize)
                #expect(try await driver.instances().isEmpty)
            }
        }
    }

    @Test("credentials that libvirt wants and the configuration lacks are named, and configured ones let it in")
    func credentials() async throws {
        let file = FileManager.default.temporaryDirectory.appending(path: "cw-auth-\(UUID().uuidString).xml")
        defer { try? FileManager.default.removeItem(at: file) }
        let text = "<node><auth><user password='pass-canary'>robert</user></auth></node>"
        try text.write(to: file, atomically: true, encoding: .utf8)
        var configuration = LibvirtDriverConfiguration(uri: "test://\(file.path)", instancesPath: "/nonexistent")
        try await Guests.withDriver(configuration) { driver async throws in
            await #expect { try await driver.instances() } throws: {
                guard let fault = $0 as? ComputeFault else { return false }
                return fault.message.contains("libvirt asks for an authentication name, which is not configured")
            }
        }
        configuration.userName = "robert"
        try await Guests.withDriver(configuration) { driver async throws in
            let summary = await driver.summary()
            #expect(summary.contains("of which a passphrase is not configured"))
        }
        configuration.password = Secret("pass-canary")
        try await Guests.withDriver(configuration) { driver async throws in
            #expect(try await driver.instances().isEmpty)
            #expect(!"\(driver.self) \(configuration)".contains("canary"))
        }
    }
}
