// SPDX-License-Identifier: Apache-2.0

import ComputeModel
import Foundation
import Glibc
import TestSupport
import Testing

extension Program {
    /// kill -9 on either side of the moment at which a cast is in the journal, with messages of both eras.
    @Suite struct CrashWindowTests {
        /// Two builds, one of each era.
        private static func send(_ enveloped: String, _ flat: String, _ bench: Bench) async throws {
            try await bench.oslo().cast("run_instance", enveloped, to: "one")
            try await bench.kombu().cast([
                "golden": "f02-run_instance.json",
                "replace": [try Golden.instance(of: "f02-run_instance"): .string(flat)], "routing_key": "compute.one",
            ])
        }

        /// Waits until both are built, and holds that nothing was done or told twice.
        private static func hold(
            _ instances: [String], _ worker: WorkerProcess, _ probe: Probe, duplicates: Int, _ bench: Bench
        ) async throws {
            for instance in instances { try await probe.events(of: instance, until: "compute.instance.create.end") }
            #expect(try await OpsTests.list(worker, untilEmpty: true).isEmpty)
            let rows = try await OpsTests.list(worker, "--finished", "10")
            #expect(rows.map { $0["state"]?.string } == ["succeeded", "succeeded"])
            #expect(Set(rows.map { $0["instance"]?.string }) == Set(instances))
            #expect(try await worker.stop() == .exited(0))
            #expect(try await probe.depth("compute.one") == 0, "all is acknowledged")
            let events = try await probe.collected(Probe.events).distinct
            for instance in instances {
                // The guests of the fake driver go with its process: that they have vanished may be told as well.
                let types = events.filter { $0.instance == instance }.types.filter { $0 != "sync_power_state" }
                #expect(types == ["create.start", "create.end"])
            }
            let counters = try String(contentsOf: bench.countersFile, encoding: .utf8)
            // A counter is there from its first count on.
            let line = counters.split(separator: "\n").first { $0.hasPrefix("compute_rpc_duplicates_total") }
            #expect(line == (duplicates == 0 ? nil : "compute_rpc_duplicates_total \(duplicates)"))
        }

        @Test(
            "Killed between delivery and journal, the worker is sent the cast again and does it once",
            .timeLimit(.minutes(2)))
        func beforeTheJournal() async throws {
            try await Bench.with { bench in
                let worker = try await bench.worker(bench.counting(bench.settings()))
                let probe = try await bench.probe()
                try await probe.collectEvents()
                // What the broker sends to one that stands still is delivered, and not even read.
                worker.kill(SIGSTOP)
                let instances = [newInstance(), newInstance()]
                try await Self.send(instances[0], instances[1], bench)
                #expect(try await probe.depth("compute.one") == 0)
                try await worker.crash()
                let next = try await bench.again(worker)
                try await Self.hold(instances, next, probe, duplicates: 0, bench)
            }
        }

        @Test(
            "Killed between journal and acknowledgement, the worker knows the cast that is sent again and does it once",
            .timeLimit(.minutes(2)))
        func beforeTheAcknowledgement() async throws {
            try await Bench.with { bench in
                let direct = bench.counting(bench.settings())
                let proxy = try FaultyProxy(before: bench.servers.broker.port)
                var settings = direct
                settings.transportURL = direct.transportURL.replacing(
                    ":\(bench.servers.broker.port)/", with: ":\(proxy.port)/")
                #expect(settings.transportURL != direct.transportURL)
                let worker = try await bench.worker(settings)
                let probe = try await bench.probe()
                try await probe.collectEvents()
                proxy.set(.mute)
                let instances = [newInstance(), newInstance()]
                try await Self.send(instances[0], instances[1], bench)
                func done() async throws -> Int {
                    try await OpsTests.list(worker, "--finished", "2").count { $0["state"] == "succeeded" }
                }
                while try await done() < 2 {}
                try await worker.crash()
                // With what it holds: neither acknowledgement nor event has reached the broker.
                proxy.close()
                #expect(try await probe.collected(Probe.events).isEmpty)
                let next = try await bench.worker(direct)
                try await Self.hold(instances, next, probe, duplicates: 2, bench)
            }
        }
    }
}
