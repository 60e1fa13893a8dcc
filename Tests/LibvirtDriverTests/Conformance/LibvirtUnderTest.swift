// SPDX-License-Identifier: Apache-2.0

import ComputeDriver
import ComputeModel
import DriverConformance
import Foundation
import Synchronization
import TestSupport
import Testing

@testable import Libvirt
@testable import LibvirtDriver

/// A libvirt driver, or two, with what surrounds them, for the conformance suite.
final class LibvirtUnderTest: DriverUnderTest {
    /// Who is built.
    enum System: Sendable {
        /// Nobody who would help: 16 MiB, at once there.
        case none
        /// A Linux with an agent, which is awaited.
        case linux(LocalImage)
    }

    let hosts: [HostUnderTest]
    let system: System
    let refusals: [DriverOperation: String]
    /// The hosts' libvirtds; none for hypervisors inside this process.
    let servers: [LibvirtServer]
    /// Whose turn it is to hold them.
    let turn = Turn()
    private let bridge: Bridge
    /// With places for images, volumes and snapshots, so that each can be missing by itself.
    private let directory: URL
    /// The volumes that were made, by their files.
    private let volumes = Mutex<[String: String]>([:])

    init(
        _ hosts: [HostUnderTest], bridge: Bridge, bootSector: URL, in directory: URL, system: System = .none,
        servers: [LibvirtServer] = [], refusals: [DriverOperation: String] = [:]
    ) throws {
        (self.hosts, self.bridge, self.directory, self.system) = (hosts, bridge, directory, system)
        (self.servers, self.refusals) = (servers, refusals)
        for place in ["images", "others", "volumes", "snapshots"] {
            try FileManager.default.createDirectory(
                at: directory.appending(path: place), withIntermediateDirectories: true)
        }
        for place in ["images", "others"] {
            try FileManager.default.copyItem(at: bootSector, to: directory.appending(path: "\(place)/image"))
        }
    }

    var driver: any ComputeDriver { hosts[0].driver }
    var neighbour: (any ComputeDriver)? { hosts.count > 1 ? hosts[1].driver : nil }
    var hostName: String { hosts[0].name }
    var neighbourName: String { hosts.last?.name ?? "" }
    var rootDevice: String { if case .linux = system { "vda" } else { "sda" } }

    func makeInstance() throws -> Instance {
        if case .linux = system { return try Guests.newInstance(["memory_mb": 192]) }
        // What is on the further disk makes a move long.
        return try Guests.newInstance(hosts.count > 1 && !servers.isEmpty ? ["instance_type": ["swap": 64]] : [:])
    }

    func build(_ request: SpawnRequest) async throws {
        let driver = hosts[0].driver
        try await driver.spawn(request)
        guard case .linux = system else { return }
        try #require(
            try await eventually(within: .seconds(240)) {
                String(decoding: try await driver.consoleOutput(request.instance), as: UTF8.self)
                    .contains(LibvirtServer.linuxIsReady)
            })
    }

    func image() async throws -> LocalImage? {
        if case .linux(let image) = system { image } else { image("images") }
    }

    func otherImage() async throws -> LocalImage? { image("others") }

    /// Its disks are on a SCSI bus, so that they can be unplugged without the guest's help.
    private func image(_ place: String) -> LocalImage {
        LocalImage(
            metadata: ImageMetadata(id: place, name: place, diskFormat: "raw", fields: ["hw_disk_bus": "scsi"]),
            path: directory.appending(path: "\(place)/image").path, virtualSize: 1 << 20)
    }

    func makeVolume() async throws -> BlockDevice {
        let file = directory.appending(path: "volumes/\(UUID().uuidString)")
        try Data(count: 8 << 20).write(to: file)
        let volume = Volumes.device(file.path, at: "/dev/sdb")
        volumes.withLock { $0[file.path] = volume.volumeID }
        return volume
    }

    /// None for two hosts, which share this machine: the names of a guest's interfaces could not be on both.
    func makeInterface() throws -> JSONValue? {
        guard hosts.count == 1 else { return nil }
        let bytes = (0..<3).map { _ in UInt8.random(in: .min ... .max) }
        let words = bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }
        return bridge.interface("fa:16:3e:" + words.joined(separator: ":"))
    }

    func snapshotPath() throws -> String { directory.appending(path: "snapshots/\(UUID().uuidString)").path }

    /// What was handed to the threads that alone speak with libvirt.
    func requests() async throws -> Int {
        let lanes = hosts[0].driver.host.supervisor.lanes
        return [lanes.short, lanes.long, lanes.transfer].map(\.statistics.asked).reduce(0, +)
    }

    func facts(of id: InstanceID, atNeighbour: Bool) async throws -> [HostFact: [String]] {
        try await hosts[atNeighbour ? 1 : 0].facts(of: id, bridge: bridge, volumes: volumes.withLock { $0 })
    }

    // MARK: What goes wrong

    let unseen: [HostFact: String] = [
        .adminPassword: "the guest tells it on its console, where LinuxGuestTests look",
        .quiesced: "the guest tells it on its console, where LinuxGuestTests look",
        .crashDumps: "a guest without a system makes none",
        .powerButton: "a guest without a system does not heed it; LibvirtDriverTests look at one that has gone down",
    ]
    var unbroken: [DriverOperation: String] {
        let reason =
            if !isAlone {
                "LinuxGuestTests and InterfaceTests see it fail, in a guest that helps with nothing"
            } else if servers.isEmpty {
                "a hypervisor inside this process is always in reach"
            } else {
                "it is one step, which is done or not"
            }
        let steps = isAlone && !servers.isEmpty ? Self.singleSteps : Set(DriverOperation.allCases)
        return Dictionary(
            uniqueKeysWithValues: steps.filter { breakages(of: $0).isEmpty }.map { ($0, reason) })
    }

    private static let singleSteps: Set<DriverOperation> = [
        .powerOff, .powerOn, .unpause, .resumeStateOnHostBoot, .extendVolume, .plugVIFs, .unplugVIFs,
        .forceLiveMigration, .abortLiveMigration, .cleanUpAfterLiveMigration, .finishLiveMigrationAtDestination,
        .rollBackLiveMigrationAtDestination,
    ]

    var isAlone: Bool { if case .linux = system { false } else { true } }

    func breakages(of operation: DriverOperation) -> [Breakage] {
        guard isAlone else { return [] }
        var all: [Breakage] = []
        switch operation {
        case .spawn: all.append(missing("images"))
        case .rescue: all.append(missing("others"))
        case .snapshot: all.append(missing("snapshots"))
        case .attachVolume, .swapVolume: all.append(missing("volumes"))
        case .pause, .suspend, .triggerCrashDump: all.append(off)
        case .leaveStorageMark, .removeStorageMark, .cleanUpLiveMigrationCheck, .confirmMigration:
            // They ask libvirt for nothing.
            return [noDirectory]
        default: break
        }
        guard !servers.isEmpty, operation.pace != .question, !Self.singleSteps.contains(operation) else { return all }
        all.append(outOfReach(operation == .liveMigrate ? [hosts.count - 1] : Array(hosts.indices)))
        if operation == .spawn { all.append(killed) }
        return all
    }

    /// What a place has is not there.
    private func missing(_ place: String) -> Breakage {
        let (here, away) = (directory.appending(path: place), directory.appending(path: "\(place)-away"))
        return Breakage("the \(place) are missing") { _ in
            try FileManager.default.moveItem(at: here, to: away)
        } mend: { _ in
            try FileManager.default.moveItem(at: away, to: here)
        }
    }

    /// The directories of the instances are none.
    private var noDirectory: Breakage {
        let places = hosts.map { ($0.instances, $0.instances.appendingPathExtension("away")) }
        return Breakage("the instances are in no directory") { _ in
            for (here, away) in places {
                try FileManager.default.moveItem(at: here, to: away)
                try Data().write(to: here)
            }
        } mend: { _ in
            for (here, away) in places {
                try FileManager.default.removeItem(at: here)
                try FileManager.default.moveItem(at: away, to: here)
            }
        }
    }

    /// The guest is in a state in which the wish makes no sense.
    private var off: Breakage {
        let driver = hosts[0].driver
        return Breakage("the guest is off") { try await driver.powerOff($0) } mend: { try await driver.powerOn($0) }
    }

    /// The connections to these hosts are lost, and there is no socket to connect to.
    private func outOfReach(_ indices: [Int]) -> Breakage {
        let sockets = indices.map { servers[$0].directory.appending(path: "sock/libvirt-sock") }
        let drivers = indices.map { hosts[$0].driver }
        return Breakage("libvirtd is out of reach") { _ in
            for socket in sockets {
                try FileManager.default.moveItem(at: socket, to: socket.appendingPathExtension("away"))
            }
            let lost = LibvirtError(.library, operation: "test", message: "cut off", code: .invalidConnection)
            for supervisor in drivers.map(\.host.supervisor) {
                supervisor.report(lost, on: try supervisor.connection())
            }
        } mend: { _ in
            for socket in sockets {
                try FileManager.default.moveItem(at: socket.appendingPathExtension("away"), to: socket)
            }
            for driver in drivers { #expect(try await eventually { (try? await driver.instances()) != nil }) }
        }
    }

    private var killed: Breakage {
        let (server, driver) = (servers[0], hosts[0].driver)
        return Breakage("libvirtd was killed") { _ in
            try await server.kill()
        } mend: { _ in
            try await server.resume()
            #expect(try await eventually { (try? await driver.instances()) != nil })
        }
    }
}
