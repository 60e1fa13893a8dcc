// SPDX-License-Identifier: Apache-2.0

import ComputeDriver
import ComputeModel
import Foundation
import TestSupport
import Testing

@testable import Libvirt
@testable import LibvirtDriver

extension LibvirtServer {
    /// Sends a signal to the QEMU of a guest.
    func signalGuest(_ instance: Instance, _ number: Int32) async throws {
        let name = try await virsh("domname", instance.id.description)
        let file = directory.appending(path: "run/qemu/\(name).pid")
        let text = try String(contentsOf: file, encoding: .utf8).trimmingCharacters(in: .whitespacesAndNewlines)
        let process = try #require(pid_t(text))
        #expect(Foundation.kill(process, number) == 0)
    }
}

/// How long a piece of work took.
func took(_ body: () async throws -> Void) async rethrows -> Duration {
    try await ContinuousClock().measure(body)
}

@Suite("A guest whose monitor does not answer", .timeLimit(.minutes(5)))
struct SickGuestTests {
    private func guests(
        _ count: Int, _ driver: LibvirtDriver, _ server: LibvirtServer
    ) async throws -> [Instance] {
        var guests: [Instance] = []
        for _ in 0..<count {
            let guest = try Guests.newInstance()
            try await driver.spawn(Guests.request(guest, server))
            guests.append(guest)
        }
        return guests
    }

    private func states(_ driver: LibvirtDriver) async throws -> [InstanceID: PowerState] {
        Dictionary(uniqueKeysWithValues: try await driver.instances().map { ($0.id, $0.powerState) })
    }

    @Test("is the only one that is unknown, holds one thread, is not called again, and comes back by itself")
    func onlyOne() async throws {
        try await LibvirtServer.withServer { server async throws in
            var configuration = Guests.configuration(server)
            configuration.callDeadline = .seconds(6)
            try await Guests.withDriver(configuration) { driver async throws in
                let all = try await guests(3, driver, server)
                let (sick, healthy) = (all[0], all[1...])
                _ = try await server.virsh("suspend", sick.id.description)
                try await server.signalGuest(sick, SIGSTOP)

                // Nobody has called it yet: the list does not touch it.
                let first = try await took {
                    let state = try await states(driver)[sick.id]
                    #expect(state == .paused)
                }
                #expect(
                    first < configuration.callDeadline / 2, "what waits for a sick guest waits for the whole deadline")

                await #expect { try await driver.powerOn(sick) } throws: {
                    guard let fault = $0 as? ComputeFault else { return false }
                    return fault.kind == .timeout && fault.isRetriable
                }
                #expect(driver.unresponsiveGuests == [sick.id])
                var lists: [Duration] = []
                for _ in 0..<20 {
                    lists.append(
                        try await took {
                            let states = try await states(driver)
                            #expect(states[sick.id] == .noState)
                            for guest in healthy { #expect(states[guest.id] == .running) }
                        })
                }
                #expect(try #require(lists.max()) < configuration.callDeadline / 2)
                #expect(try await driver.hostResources().vcpusUsed == 3)
                for guest in healthy {
                    #expect(try await driver.info(guest.id).powerState == .running)
                    try await driver.powerOff(guest)
                    try await driver.powerOn(guest)
                }
                // Asked again it fails in time, and no second call goes to it.
                await #expect { try await driver.powerOn(sick) } throws: {
                    guard let fault = $0 as? ComputeFault else { return false }
                    return fault.kind == .timeout && fault.isRetriable && fault.message.contains("does not answer")
                }
                #expect(driver.host.supervisor.lanes.short.statistics.lost == 1)

                async let waiting: Void = driver.powerOn(sick)
                try await server.signalGuest(sick, SIGCONT)
                try await waiting
                #expect(try await eventually { driver.unresponsiveGuests.isEmpty })
                #expect(try await states(driver)[sick.id] == .running)
                #expect(try await eventually { driver.host.supervisor.lanes.short.statistics.lost == 0 })
            }
        }
    }

    @Test("can be rebooted hard and deleted while it does not answer")
    func remedies() async throws {
        try await LibvirtServer.withServer { server async throws in
            var configuration = Guests.configuration(server)
            configuration.callDeadline = .seconds(40)
            try await Guests.withDriver(configuration) { driver async throws in
                let all = try await guests(2, driver, server)
                for guest in all { try await server.signalGuest(guest, SIGSTOP) }
                let boot = try await driver.info(all[0].id).bootIdentity
                try await driver.reboot(RebootRequest(instance: all[0], type: .hard))
                #expect(try await driver.info(all[0].id).bootIdentity != boot)
                #expect(try await driver.info(all[0].id).powerState == .running)
                try await driver.destroy(all[1])
                #expect(try await states(driver).count == 1)
            }
        }
    }

    @Test("does not stop the others together with four more, as many as libvirtd works on for one client")
    func crowd() async throws {
        try await LibvirtServer.withServer { server async throws in
            var configuration = Guests.configuration(server)
            configuration.callDeadline = .seconds(6)
            try await Guests.withDriver(configuration) { driver async throws in
                let all = try await guests(6, driver, server)
                let (sick, healthy) = (all[..<5], all[5])
                for guest in sick { _ = try await server.virsh("suspend", guest.id.description) }
                for guest in sick { try await server.signalGuest(guest, SIGSTOP) }
                await withTaskGroup(of: Void.self) { group in
                    for guest in sick {
                        group.addTask {
                            await #expect(throws: ComputeFault.self) { try await driver.powerOn(guest) }
                        }
                    }
                }
                #expect(driver.unresponsiveGuests == Set(sick.map(\.id)))
                #expect(try await eventually(within: .seconds(5)) { (try? await driver.instances()) != nil })
                for _ in 0..<10 {
                    let time = try await took {
                        let info = try await driver.info(healthy.id)
                        let states = try await states(driver)
                        #expect(info.powerState == .running)
                        #expect(states.values.count { $0 == .noState } == 5)
                    }
                    #expect(time < configuration.callDeadline / 2)
                }
                try await driver.powerOff(healthy)
                try await driver.powerOn(healthy)
                for guest in sick { try await server.signalGuest(guest, SIGCONT) }
                #expect(try await eventually { driver.unresponsiveGuests.isEmpty })
                #expect(try await states(driver).values.allSatisfy { $0 == .running })
            }
        }
    }
}
