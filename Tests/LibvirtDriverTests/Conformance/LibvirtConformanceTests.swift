// SPDX-License-Identifier: Apache-2.0

import ComputeDriver
import ComputeModel
import DriverConformance
import Foundation
import TestSupport
import Testing

@testable import Libvirt
@testable import LibvirtDriver

@Suite("The libvirt driver keeps the contract", .timeLimit(.minutes(10)))
struct LibvirtConformanceTests {
    /// What two hosts are needed for.
    private static let moves: Set<DriverOperation> = [
        .checkLiveMigrationSource, .checkLiveMigrationDestination, .cleanUpLiveMigrationCheck, .prepareLiveMigration,
        .liveMigrate, .cleanUpAfterLiveMigration, .finishLiveMigrationAtDestination,
        .rollBackLiveMigrationAtDestination, .forceLiveMigration, .abortLiveMigration,
    ]
    /// What a guest has to help with.
    private static let agreements: Set<DriverOperation> = [.setAdminPassword, .quiesce, .unquiesce, .detachInterface]

    @Test("on qemu, of each operation that needs one host", arguments: [0, 1])
    func oneHost(half: Int) async throws {
        try await Guests.withDriver { driver, server async throws in
            try await Bridge.with { bridge async throws in
                let bench = try LibvirtUnderTest(
                    [HostUnderTest(driver, server)], bridge: bridge, bootSector: try await server.bootSectorImage(),
                    in: server.directory, servers: [server])
                let all = DriverScenario.all.filter {
                    !Self.moves.union(Self.agreements).contains($0.operation)
                }
                for (index, scenario) in all.enumerated() where index % 2 == half {
                    await scenario.run(on: bench)
                }
            }
        }
    }

    @Test("on qemu, of each operation that a guest helps with")
    func helpfulGuest() async throws {
        try await Guests.withDriver { driver, server async throws in
            try await Bridge.with { bridge async throws in
                let image = LocalImage(
                    metadata: ImageMetadata(
                        id: "linux", name: "linux", diskFormat: "qcow2", fields: ["hw_qemu_guest_agent": "yes"]),
                    path: try await LibvirtServer.linuxImage().path, virtualSize: 64 << 20)
                let bench = try LibvirtUnderTest(
                    [HostUnderTest(driver, server)], bridge: bridge, bootSector: try await server.bootSectorImage(),
                    in: server.directory, system: .linux(image), servers: [server])
                // Side by side, since most of it is the guests' booting.
                await withTaskGroup { group in
                    for scenario in DriverScenario.all where Self.agreements.contains(scenario.operation) {
                        group.addTask { await scenario.run(on: bench) }
                    }
                }
            }
        }
    }

    @Test("on qemu, of each move of a running guest between two hosts")
    func twoHosts() async throws {
        try await TwoHosts.with(shared: false) { hosts async throws in
            try await Bridge.with { bridge async throws in
                let bench = try LibvirtUnderTest(
                    (0..<2).map { HostUnderTest(hosts.drivers[$0], hosts.servers[$0], name: "host-\($0 + 1)") },
                    bridge: bridge, bootSector: try await hosts.servers[0].bootSectorImage(),
                    in: hosts.servers[0].directory, servers: hosts.servers)
                for scenario in DriverScenario.all where Self.moves.contains(scenario.operation) {
                    await scenario.run(on: bench)
                }
            }
        }
    }

    @Test("on libvirt's test driver, which is refused what that hypervisor lacks", arguments: [false, true])
    func testDriver(isForMoves: Bool) async throws {
        let directory = FileManager.default.temporaryDirectory.appending(path: "cw-test-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: directory) }
        try Data(count: 1 << 20).write(to: directory.appending(path: "boot-sector"))
        // A hypervisor of its own, as each file is: that of test:///default is one for the whole process.
        try "<node/>".write(to: directory.appending(path: "node.xml"), atomically: true, encoding: .utf8)
        try await withTestHost("test:///default", "host-1", directory) { here async throws in
            try await withTestHost("test://\(directory.path)/node.xml", "host-2", directory) { there async throws in
                try await Bridge.with { bridge async throws in
                    let bench = try LibvirtUnderTest(
                        isForMoves ? [here, there] : [here], bridge: bridge,
                        bootSector: directory.appending(path: "boot-sector"), in: directory,
                        refusals: Self.lacking)
                    for scenario in DriverScenario.all.filter({ !Self.beyondTestDriver.contains($0.operation) })
                    where Self.moves.contains(scenario.operation) == isForMoves {
                        await scenario.run(on: bench)
                    }
                }
            }
        }
    }

    private func withTestHost(
        _ uri: String, _ name: String, _ directory: URL, _ body: (HostUnderTest) async throws -> Void
    ) async throws {
        let instances = directory.appending(path: "instances-\(name)")
        var configuration = LibvirtDriverConfiguration(
            uri: uri, virtType: .qemu, instancesPath: instances.path, softRebootWait: .seconds(1),
            undoWait: .seconds(5))
        configuration.hostName = name
        let connection = try await Connection.open(ConnectionConfiguration(uri: uri), lanes: CallLanes())
        try await Guests.withDriver(configuration) { driver async throws in
            try await body(HostUnderTest(driver, connection, name: name, instances: instances))
        }
    }

    /// What that hypervisor has not and does not refuse either: interfaces on the host, screens with a port, and an
    /// answer to what lies below a disk, without which no room is made for disks that come.
    private static let beyondTestDriver: Set<DriverOperation> = [
        .plugVIFs, .unplugVIFs, .vncConsole, .prepareLiveMigration, .rollBackLiveMigrationAtDestination, .liveMigrate,
        .cleanUpAfterLiveMigration, .finishLiveMigrationAtDestination,
    ]

    /// Calls that libvirt's test driver does not have.
    private static let lacking: [DriverOperation: String] = {
        let operations: [String: [DriverOperation]] = [
            "it plugs in nothing": [
                .attachVolume, .detachVolume, .swapVolume, .extendVolume, .volumeUsage, .attachInterface,
                .detachInterface,
            ],
            "it copies no disk": [.snapshot],
            "it moves no guest": [.forceLiveMigration, .abortLiveMigration],
        ]
        return Dictionary(uniqueKeysWithValues: operations.flatMap { reason in reason.value.map { ($0, reason.key) } })
    }()
}
