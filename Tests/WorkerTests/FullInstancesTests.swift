// SPDX-License-Identifier: Apache-2.0

import ComputeModel
import Foundation
import Glibc
import TestSupport
import Testing

extension Program {
    /// The guests' disks on a small file system that fills up.
    @Suite struct FullInstancesTests {
        /// Runs `body` with some megabytes for guests, where the libvirt that is started after the mount sees them too.
        private static func withSmallDisk(_ body: (URL, Hypervisor) async throws -> Void) async throws {
            let place = URL(fileURLWithPath: "/tmp/cw-guests-\(UInt32.random(in: .min ... .max))")
            try FileManager.default.createDirectory(at: place, withIntermediateDirectories: false)
            defer { try? FileManager.default.removeItem(at: place) }
            try #require(
                mount("compute-worker-test", place.path, "tmpfs", 0, "size=64m") == 0,
                "a small file system needs the right to mount: \(String(cString: strerror(errno)))")
            defer { _ = umount2(place.path, 2) }
            try await LibvirtServer.withServer { libvirt in try await body(place, Hypervisor(libvirt: libvirt)) }
        }

        /// Leaves less than the worker wants to see free, and more than a small guest needs: what is not built then is
        /// held, and has not failed.
        private static func fill(_ disk: URL) throws -> URL {
            let filler = disk.appending(path: "filler")
            try Data(repeating: 0x78, count: 44 << 20).write(to: filler)
            return filler
        }

        private static func status(
            _ worker: WorkerProcess, within limit: Duration = .seconds(30), until isMet: (String) -> Bool
        ) async throws {
            let deadline = ContinuousClock.now + limit
            while true {
                let status = try await worker.command(["status"])
                if isMet(status.output) { return }
                // Nothing tells from outside when it has looked.
                try #require(.now < deadline, "\(status)")
                try await Task.sleep(for: .milliseconds(200))
            }
        }

        @Test(
            "A full disk of the guests holds what needs room, unacknowledged, and nothing else; it is over by itself",
            .timeLimit(.minutes(4)))
        func full() async throws {
            try await Self.withSmallDisk { disk, hypervisor in
                try await Bench.with { bench in
                    var settings = try await hypervisor.settings(bench)
                    settings.options["DEFAULT"] = ["instances_path": disk.appending(path: "instances").path]
                    let worker = try await bench.worker(settings)
                    let probe = try await bench.probe()
                    try await probe.collectEvents()
                    let oslo = try await bench.oslo()
                    let (running, deleted, built, last) = (newInstance(), newInstance(), newInstance(), newInstance())
                    func build(_ instance: String) async throws {
                        try await oslo.cast("run_instance", instance, to: "one", image: Hypervisor.image)
                    }
                    try await build(running)
                    try await probe.events(of: running, until: "compute.instance.create.end")
                    let boot = try await hypervisor.run(running)

                    let filler = try Self.fill(disk)
                    try await Self.status(worker) { $0.contains("no room for instances") }
                    try await build(deleted)
                    try await build(built)
                    try await Self.status(worker) { $0.contains("unacknowledged: 2") }
                    #expect(try await hypervisor.run(running) == boot, "the guest is untouched")

                    // A delete overtakes nothing and waits for nothing: its build ends for it.
                    try await oslo.cast("terminate_instance", deleted, to: "one")
                    let ends = try await probe.events(of: deleted, until: "compute.instance.delete.end")
                    #expect(!ends.types.contains("create.start"), "\(ends.types)")
                    #expect(try await hypervisor.state(deleted) == nil)
                    try await oslo.cast("reboot_instance", running, to: "one", extra: ["reboot_type": "HARD"])
                    try await probe.events(of: running, until: "compute.instance.reboot.end")
                    try await Self.status(worker) { $0.contains("unacknowledged: 1") }
                    #expect(try await hypervisor.state(built) == nil)

                    try FileManager.default.removeItem(at: filler)
                    let events = try await probe.events(of: built, until: "compute.instance.create.end")
                    #expect(events.types == ["create.start", "create.end"])
                    try await Self.status(worker) { !$0.contains("unacknowledged") && !$0.contains("no room") }

                    // A stop leaves what is held to the broker, and waits for nothing.
                    let again = try Self.fill(disk)
                    try await Self.status(worker) { $0.contains("no room for instances") }
                    try await build(last)
                    try await Self.status(worker) { $0.contains("unacknowledged: 1") }
                    worker.kill(SIGTERM)
                    #expect(try await worker.wait(within: .seconds(8)) == .exited(0))
                    #expect(try await probe.depth("compute.one") == 1)
                    try FileManager.default.removeItem(at: again)
                    let next = try await bench.again(worker)
                    try await probe.events(of: last, until: "compute.instance.create.end")
                    for instance in [running, built, last] {
                        try await oslo.cast("terminate_instance", instance, to: "one")
                        try await probe.events(of: instance, until: "compute.instance.delete.end")
                    }
                    #expect(try await next.stop() == .exited(0))
                }
            }
        }
    }
}
