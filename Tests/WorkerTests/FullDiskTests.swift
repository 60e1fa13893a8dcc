// SPDX-License-Identifier: Apache-2.0

import ComputeModel
import Foundation
import Glibc
import TestSupport
import Testing

extension Program {
    /// A state directory on a small file system that fills up.
    @Suite struct FullDiskTests {
        /// A worker in a mount namespace of its own, with some megabytes for its state.
        private static func settings(_ bench: Bench, delay: Int) -> WorkerProcess.Settings {
            var settings = StopTests.settings(bench, delay: delay, limit: 60)
            let state = state(bench)
            settings.launcher = [
                "/usr/bin/unshare", "--map-root-user", "--mount", "sh", "-c",
                "mkdir -p \(state) && mount -t tmpfs -o size=8m,mode=700 tmpfs \(state) && exec \"$@\"", "sh",
            ]
            return settings
        }

        private static func state(_ bench: Bench) -> String { bench.directory.appending(path: "one/state").path }

        /// Writes a file until no byte more fits.
        private static func fill(_ path: String) throws {
            let file = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0o600)
            try #require(file >= 0, "\(path): \(String(cString: strerror(errno)))")
            defer { close(file) }
            for size in [65_536, 4096, 1] {
                let bytes = [UInt8](repeating: 0x78, count: size)
                // Less than asked for is more than nothing.
                while write(file, bytes, size) > 0 {}
                try #require(errno == ENOSPC)
            }
        }

        @Test(
            "A full disk under the journal stops the intake and nothing else, and is over by itself",
            .timeLimit(.minutes(3)))
        func full() async throws {
            try await Bench.with { bench in
                let worker = try await bench.worker(Self.settings(bench, delay: 3))
                // The worker's own view of its state, from outside of its namespace.
                let state = "/proc/\(worker.pid)/root\(Self.state(bench))"
                let view = ["OS_DEFAULT__STATE_PATH": state]
                let probe = try await bench.probe()
                try await probe.collectEvents()
                let oslo = try await bench.oslo()
                let (running, building) = (newInstance(), newInstance())
                var refused: [String] = []
                try await oslo.cast("run_instance", running, to: "one")
                try await probe.events(of: running, until: "compute.instance.create.end")
                try await oslo.cast("run_instance", building, to: "one")
                try await probe.events(of: building, until: "compute.instance.create.start")
                try Self.fill("\(state)/filler")
                // A journal that meets a full disk makes room of its own first: casts go in until that is taken as well.
                var status = try await worker.command(["status"], environment: view)
                var waiting = 0
                while status.end == .exited(0) || waiting == 0, refused.count < 200 {
                    for _ in 0..<5 {
                        refused.append(newInstance())
                        try await oslo.cast("run_instance", refused[refused.count - 1], to: "one")
                    }
                    _ = await worker.log.first(within: .seconds(1)) { $0.contains("disk-full") }
                    status = try await worker.command(["status"], environment: view)
                    waiting = try await probe.depth("compute.one") ?? 0
                }
                #expect(status.end == .exited(1) && status.output.contains("disk is full"), "\(status)")
                // Not acknowledged: it is the broker's.
                #expect(waiting > 0)

                try FileManager.default.removeItem(atPath: "\(state)/filler")
                let freed = ContinuousClock.now
                while try await worker.command(["status"], environment: view).end != .exited(0) {
                    try #require(ContinuousClock.now - freed < .seconds(30))
                }
                #expect(ContinuousClock.now - freed < .seconds(6), "five seconds, and the time of asking")
                for instance in [building] + refused {
                    let events = try await probe.events(of: instance, until: "compute.instance.create.end")
                    #expect(events.count(of: "compute.instance.create.end") == 1)
                }
                let console = try await oslo.call("get_console_output", running, to: "one")
                #expect(console["error"] == nil, "the guest is as it was: \(JSONWriter.text(console))")
                #expect(try await worker.stop() == .exited(0))
                let events = try await probe.collected(Probe.events).distinct
                for instance in [running, building] + refused {
                    let ends = events.filter { $0.instance == instance && $0.eventType.hasSuffix("create.end") }
                    #expect(ends.count == 1)
                }
                #expect(!events.contains { $0.message["priority"] == "ERROR" }, "\(events.map(\.eventType))")
            }
        }

        @Test("A worker whose disk is full stops when it is told to", .timeLimit(.minutes(2)))
        func stop() async throws {
            try await Bench.with { bench in
                let worker = try await bench.worker(Self.settings(bench, delay: 0))
                let probe = try await bench.probe()
                let oslo = try await bench.oslo()
                try Self.fill("/proc/\(worker.pid)/root\(Self.state(bench))/filler")
                try await oslo.cast("run_instance", newInstance(), to: "one")
                #expect(await worker.log.first(within: .seconds(30)) { $0.contains("disk-full") } != nil)
                // Long before the limit of a minute: there is nothing to wait for.
                worker.kill(SIGTERM)
                #expect(try await worker.wait(within: .seconds(20)) == .exited(0), "\(worker.log.text(last: 5))")
                #expect(try await probe.depth("compute.one") == 1)
            }
        }
    }
}
