// SPDX-License-Identifier: Apache-2.0

import Foundation
import Glibc
import TestSupport
import Testing

extension Program {
    @Suite("Two workers with one host") struct HostClaimTests {
        /// A worker of the same host with a state of its own, as on another machine.
        private func rival(_ bench: Bench) throws -> WorkerProcess {
            try WorkerProcess.launch(bench.settings(), in: bench.directory.appending(path: "rival"))
        }

        @Test("The second refuses within five seconds and says which one holds it; the first serves on",
            .timeLimit(.minutes(2)))
        func refused() async throws {
            try await Bench.with { bench in
                let first = try await bench.worker()
                let began = ContinuousClock.now
                let second = try rival(bench)
                #expect(try await second.wait(within: .seconds(20)) == .exited(73))
                #expect(ContinuousClock.now - began < .seconds(5))
                let told = second.log.text(last: 3)
                #expect(told.contains("the host 'one' is held by another worker: process \(first.pid) on"), "\(told)")
                #expect(told.contains("state in \(first.directory.path)/state"), "\(told)")
                #expect(!second.log.text().contains("queues="), "it consumed")
                let uptime = try await first.command(["call", "get_host_uptime", "--server", "one"])
                #expect(uptime.end == .exited(0))
                #expect(try await first.stop() == .exited(0))
            }
        }

        @Test(
            "The second begins nothing that was left, where its first broker is away and the next has the host held",
            .timeLimit(.minutes(2)))
        func firstBrokerAway() async throws {
            try await Bench.with { bench in
                let directory = bench.directory.appending(path: "rival")
                var settings = bench.settings()
                settings.options["compute_worker"] = ["lanes_closed": "true"]
                let earlier = try WorkerProcess.launch(settings, in: directory)
                #expect(await earlier.isReady())
                try await bench.oslo().cast("run_instance", newInstance(), to: "one")
                while try await OpsTests.list(earlier).isEmpty {}
                #expect(try await earlier.stop() == .exited(0))

                let first = try await bench.worker()
                settings = bench.settings()
                settings.transportURL = bench.url.replacing("@", with: "@127.0.0.1:1,guest:guest@", maxReplacements: 1)
                let second = try WorkerProcess.launch(settings, in: directory)
                #expect(try await second.wait(within: .seconds(20)) == .exited(73))
                #expect(second.log.text().contains("no connection to the broker"))
                #expect(!second.log.text().contains("unfinished requests are taken up again"), "\(second.log.text())")
                #expect(!second.log.text().contains("operation ended"), "\(second.log.text())")
                #expect(try await first.stop() == .exited(0))
            }
        }

        @Test("A holder that stands still is told as one that does not answer", .timeLimit(.minutes(2)))
        func deadLocked() async throws {
            try await Bench.with { bench in
                let first = try await bench.worker()
                first.kill(SIGSTOP)
                let began = ContinuousClock.now
                let second = try rival(bench)
                #expect(try await second.wait(within: .seconds(20)) == .exited(73))
                #expect(ContinuousClock.now - began < .seconds(5))
                first.kill(SIGCONT)
                #expect(second.log.text(last: 3).contains("does not answer"), "\(second.log.text(last: 3))")
                #expect(try await first.stop() == .exited(0))
            }
        }

        @Test("A worker that is killed and started at once serves again", .timeLimit(.minutes(3)))
        func restarted() async throws {
            try await Bench.with { bench in
                var worker = try await bench.worker()
                for _ in 1...5 {
                    worker.kill(SIGKILL)
                    _ = try await worker.wait()
                    worker = try await bench.again(worker)
                }
                #expect(try await worker.stop() == .exited(0))
            }
        }
    }
}
