// SPDX-License-Identifier: Apache-2.0

import ComputeDriver
import ComputeModel
import Foundation
import LibvirtDriver
import TestSupport
import Testing

@Suite("Interfaces of real guests", .serialized, .timeLimit(.minutes(2)))
struct InterfaceTests {
    @Test("are in their bridge from a build on, are counted, and more are plugged in and out")
    func plug() async throws {
        try await LibvirtServer.withServer { server async throws in
            var configuration = Guests.configuration(server)
            configuration.detachWait = .seconds(1)
            try await Guests.withDriver(configuration) { driver async throws in
                try await Bridge.with { bridge async throws in
                    let instance = try Guests.newInstance()
                    let (first, second) = (bridge.interface(), bridge.interface("FA:16:3E:0a:0b:0c"))
                    try await driver.spawn(
                        SpawnRequest(
                            instance: instance, image: try await Guests.image(server), networkInfo: [first]))
                    let device = try #require(try bridge.ports().first)
                    #expect(device.hasPrefix("tap") && device.utf8.count == 14)
                    #expect(try await driver.interfaceCounters(of: instance, interface: device).receiveErrors == 0)
                    #expect(try await driver.diagnostics(instance)["\(device)_rx_packets"]?.int != nil)
                    #expect(
                        try await driver.bandwidth(of: [instance]).map(\.macAddress) == ["fa:16:3e:01:02:03"])
                    let guest = GuestRequest(instance: instance, networkInfo: [first])
                    for _ in 0..<2 {
                        try await driver.unplugVIFs(guest)
                        #expect(try bridge.ports().isEmpty)
                    }
                    for _ in 0..<2 {
                        try await driver.plugVIFs(guest)
                        #expect(try bridge.ports() == [device])
                    }
                    for _ in 0..<2 { try await driver.attachInterface(second, to: instance) }
                    #expect(try bridge.ports().count == 2)
                    let document = try await server.virsh("dumpxml", instance.id.description, "--inactive")
                    #expect(document.contains("fa:16:3e:0a:0b:0c"))
                    // What a guest without a system does not let go of stays whole.
                    await #expect { try await driver.detachInterface(second, from: instance) } throws: {
                        ($0 as? ComputeFault)?.message.contains("did not let go of the interface") == true
                    }
                    #expect(try bridge.ports().count == 2)
                    let list = try await server.virsh("domiflist", instance.id.description, "--inactive")
                    #expect(list.contains("0a:0b:0c"))
                    try await driver.powerOff(instance)
                    #expect(try bridge.ports().isEmpty)
                    for _ in 0..<2 { try await driver.detachInterface(second, from: instance) }
                    try await driver.powerOn(instance)
                    #expect(try bridge.ports() == [device])
                    try await driver.destroy(instance)
                    #expect(try bridge.ports().isEmpty)
                }
            }
        }
    }

    @Test("that can't be plugged are refused before anything is built, with the reason")
    func refused() async throws {
        try await Guests.withDriver { driver, server async throws in
            let image = try await Guests.image(server)
            var openVSwitch = Bridge.interface(in: "br-int").object ?? [:]
            openVSwitch["type"] = "ovs"
            for (bad, words) in [
                (.object(openVSwitch), "'ovs'"), (Bridge.interface(in: "absent0"), "no bridge 'absent0'"),
                (Bridge.interface(in: "../../x"), "names no bridge"),
                (["network": ["bridge": "br0"]], "no MAC address"),
            ] as [(JSONValue, String)] {
                let instance = try Guests.newInstance()
                await #expect {
                    try await driver.spawn(SpawnRequest(instance: instance, image: image, networkInfo: [bad]))
                } throws: { ($0 as? ComputeFault)?.message.contains(words) == true }
                #expect(try await server.virsh("list", "--all", "--name") == "")
                let path = server.directory.appending(path: "instances/\(instance.id)").path
                #expect(!FileManager.default.fileExists(atPath: path))
            }
        }
    }
}
