// SPDX-License-Identifier: Apache-2.0

import ComputeDriver
import ComputeModel
import Foundation
import LibvirtDriver
import TestSupport
import Testing

@Suite("What the libvirt driver tells of guests and of its host", .serialized, .timeLimit(.minutes(3)))
struct DiagnosingTests {
    @Test("counters of a running guest under nova's keys and with types; of one that is off only its memory")
    func diagnostics() async throws {
        try await Guests.withDriver { driver, server async throws in
            let instance = try Guests.newInstance(["vcpus": 2])
            try await driver.spawn(Guests.request(instance, server))
            #expect(
                try await eventually { (try await driver.diagnostics(instance)["vda_read"]?.int ?? 0) >= 512 })
            let counters = try await driver.diagnostics(instance)
            #expect((counters["cpu0_time"]?.int ?? 0) > 0)
            for key in ["cpu1_time", "vda_read_req", "vda_write", "vda_write_req", "vda_errors", "memory-rss"] {
                #expect(counters[key]?.int != nil, "\(key)")
            }
            #expect(counters["memory"] == 16384)
            let typed = try await driver.instanceDiagnostics(instance)
            #expect(typed.powerState == .running && typed.memory == .mib(16) && typed.cpuTimes.count == 2)
            #expect(typed.disks.map(\.device) == ["vda"])
            #expect(typed.disks.allSatisfy { $0.read.bytes >= 512 && $0.readRequests > 0 })
            #expect(try await driver.blockCounters(of: instance, disk: "/dev/vda").read.bytes >= 512)
            await #expect { try await driver.blockCounters(of: instance, disk: "vdz") } throws: {
                ($0 as? ComputeFault)?.kind == .invalid
            }
            await #expect { try await driver.interfaceCounters(of: instance, interface: "vnet0") } throws: {
                ($0 as? ComputeFault)?.kind == .invalid
            }
            #expect(try await driver.bandwidth(of: [instance, Guests.newInstance()]).isEmpty)
            try await driver.powerOff(instance)
            #expect(try await driver.diagnostics(instance).keys == ["memory"])
            #expect(try await driver.instanceDiagnostics(instance).powerState == .shutdown)
            let nobody = try Guests.newInstance()
            await #expect { try await driver.diagnostics(nobody) } throws: {
                ($0 as? ComputeFault)?.kind == .instanceNotFound
            }
        }
    }

    @Test("the VNC screen is where the driver says, on loopback, and is not available of a guest that is off")
    func vnc() async throws {
        try await Guests.withDriver { driver, server async throws in
            let instance = try Guests.newInstance()
            try await driver.spawn(Guests.request(instance, server))
            let screen = try await driver.vncConsole(instance)
            #expect(screen.host == "127.0.0.1")
            #expect(try greeting(port: screen.port).hasPrefix("RFB 003."))
            #expect(
                try await server.virsh("vncdisplay", instance.id.description) == "127.0.0.1:\(screen.port - 5900)")
            try await driver.powerOff(instance)
            await #expect { try await driver.vncConsole(instance) } throws: {
                ($0 as? ComputeFault)?.kind == .consoleNotAvailable
            }
            var configuration = Guests.configuration(server)
            configuration.vnc = nil
            try await Guests.withDriver(configuration) { blind async throws in
                let other = try Guests.newInstance()
                try await blind.spawn(Guests.request(other, server))
                await #expect { try await blind.vncConsole(other) } throws: {
                    ($0 as? ComputeFault)?.kind == .consoleNotAvailable
                }
            }
        }
    }

    /// The first words of whoever listens on a port of loopback.
    private func greeting(port: Int) throws -> String {
        let client = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(client) }
        var limit = timeval(tv_sec: 10, tv_usec: 0)
        setsockopt(client, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = in_port_t(port).bigEndian
        address.sin_addr.s_addr = in_addr_t(0x7F00_0001).bigEndian
        let connected = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(client, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        try #require(connected == 0)
        var buffer = [UInt8](repeating: 0, count: 12)
        let count = recv(client, &buffer, buffer.count, 0)
        return String(decoding: buffer.prefix(max(0, count)), as: UTF8.self)
    }

    @Test("the host's statistics have one set of units, its processor, and the kinds of guests that libvirt names")
    func statistics() async throws {
        try await Guests.withDriver { driver, server async throws in
            let before = try await driver.hostStatistics()
            #expect(before.memoryFree > .mib(64) && before.memoryFree <= before.resources.memory)
            #expect(before.diskAvailable > .zero && before.diskAvailable <= before.resources.disk)
            let node = try await server.virsh("nodeinfo")
            #expect(before.cpuInfo["arch"]?.string == node.firstWord(after: "CPU model:"))
            #expect((before.cpuInfo["topology"]?["cores"]?.int ?? 0) >= 1)
            #expect(before.cpuInfo["features"]?.array != nil)
            #expect(
                before.supportedInstances.contains(
                    SupportedInstance(architecture: "x86_64", hypervisor: "qemu", mode: "hvm")))
            // A disk that may grow by 40 GiB is promised in full as soon as it is there.
            let room = min(40, before.diskAvailable.gib)
            try await driver.spawn(Guests.request(Guests.newInstance(["root_gb": JSONValue(room)]), server))
            let promised = before.diskAvailable - (try await driver.hostStatistics()).diskAvailable
            // Others write to the same disk meanwhile.
            #expect(promised >= .gib(room / 2), "\(promised)")
            let times = try await driver.hostCPUTimes()
            #expect(times.idle > .zero && times.user > .zero && times.kernel > .zero)
            #expect(try await driver.hostAddress() == "127.0.0.1")
        }
    }

    @Test("devices are named on from those that a guest has")
    func names() async throws {
        try await Guests.withDriver { driver, server async throws in
            let instance = try Guests.newInstance()
            #expect(try await driver.defaultRootDeviceName(for: instance) == "/dev/vda")
            #expect(try await driver.defaultDeviceNames(for: instance, count: 2) == ["/dev/vdb", "/dev/vdc"])
            try await driver.spawn(Guests.request(instance, server))
            #expect(try await driver.defaultRootDeviceName(for: instance) == "/dev/vda")
            #expect(try await driver.nextDeviceName(for: instance, taken: ["/dev/vdb", "vdd"]) == "/dev/vdc")
            let many = Set((0..<26).map { "/dev/vd\(UnicodeScalar(UInt8(97 + $0)))" })
            #expect(try await driver.nextDeviceName(for: instance, taken: many) == "/dev/vdaa")
        }
    }

    @Test("a mark on the storage is seen by a driver with the same directory, by no other, and goes without harm")
    func storageMark() async throws {
        try await Guests.withDriver { driver, server async throws in
            let instance = try Guests.newInstance()
            let mark = try #require(try await driver.leaveStorageMark(for: instance))
            #expect(try await driver.seesStorageMark(mark))
            var configuration = Guests.configuration(server)
            configuration.instancesPath += "-other"
            try await Guests.withDriver(configuration) { other async throws in
                #expect(try await !other.seesStorageMark(mark))
                try await other.removeStorageMark(mark)
            }
            try await driver.removeStorageMark(mark)
            try await driver.removeStorageMark(mark)
            #expect(try await !driver.seesStorageMark(mark))
            #expect(try await !driver.seesStorageMark(["filename": ".storage-/../../etc/passwd"]))
        }
    }
}

extension String {
    /// The word that stands after a title on its line.
    fileprivate func firstWord(after title: String) -> String? {
        split(separator: "\n").first { $0.hasPrefix(title) }?.dropFirst(title.count)
            .split(separator: " ").first.map(String.init)
    }
}
