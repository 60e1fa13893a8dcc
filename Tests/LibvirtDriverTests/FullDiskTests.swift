// SPDX-License-Identifier: Apache-2.0

import ComputeDriver
import ComputeModel
import Foundation
import LibvirtDriver
import TestSupport
import Testing

@Suite("The libvirt driver on a full disk", .timeLimit(.minutes(5)))
struct FullDiskTests {
    /// Runs `body` with a file system of one MiB, mounted where the server that is started after it sees it too.
    private func withSmallDisk(_ body: (URL) async throws -> Void) async throws {
        let place = URL(fileURLWithPath: "/tmp/cw-small-\(UInt32.random(in: .min ... .max))")
        try FileManager.default.createDirectory(at: place, withIntermediateDirectories: false)
        defer { try? FileManager.default.removeItem(at: place) }
        // The console log and a new overlay, 196 KiB, fit into it some times.
        #expect(
            mount("compute-worker-test", place.path, "tmpfs", 0, "size=1m") == 0,
            "a small file system needs the right to mount: \(String(cString: strerror(errno)))")
        defer { _ = umount2(place.path, 2) }
        try await body(place)
    }

    @Test("a build without space ends in a fault that says so, leaves nothing and harms nobody")
    func full() async throws {
        try await withSmallDisk { disk in
            try await LibvirtServer.withServer { server async throws in
                var configuration = Guests.configuration(server)
                configuration.instancesPath = disk.appending(path: "instances").path
                try await Guests.withDriver(configuration) { driver async throws in
                    let neighbour = try Guests.newInstance()
                    try await driver.spawn(Guests.request(neighbour, server))
                    let boot = try await driver.info(neighbour.id).bootIdentity
                    let filler = disk.appending(path: "filler").path
                    // To the last page, and with one page left: for no directory, and for half a disk.
                    for spare in [0, 4096, 65_536] {
                        let file = open(filler, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
                        #expect(file >= 0)
                        let page = [UInt8](repeating: 1, count: 4096)
                        var size = 0
                        while write(file, page, page.count) == page.count { size += page.count }
                        _ = ftruncate(file, off_t(max(0, size - spare)))
                        close(file)
                        let instance = try Guests.newInstance()
                        await #expect { try await driver.spawn(Guests.request(instance, server)) } throws: {
                            guard let fault = $0 as? ComputeFault else { return false }
                            return fault.kind == .computeResourcesUnavailable && fault.isRetriable
                                && fault.message.contains("no space left") && fault.instance == instance.id
                        }
                        let left = "\(configuration.instancesPath)/\(instance.id)"
                        #expect(!FileManager.default.fileExists(atPath: left))
                        #expect(try await driver.instances().map(\.id) == [neighbour.id])
                    }
                    #expect(try await driver.info(neighbour.id).bootIdentity == boot)
                    try FileManager.default.removeItem(atPath: filler)
                    let next = try Guests.newInstance()
                    try await driver.spawn(Guests.request(next, server))
                    #expect(try await driver.info(next.id).powerState == .running)
                }
            }
        }
    }
}
