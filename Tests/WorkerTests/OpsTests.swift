// SPDX-License-Identifier: Apache-2.0

import ComputeModel
import Foundation
import Glibc
import TestSupport
import Testing

extension Program {
    /// `compute-worker ops` and `compute-worker status`: the journal from outside.
    @Suite struct OpsTests {
        /// The operations that `ops list` shows.
        ///
        /// - Parameter untilEmpty: asks until there are none; an outside process tells of no change.
        static func list(
            _ worker: WorkerProcess, untilEmpty: Bool = false, _ arguments: String...
        ) async throws -> [JSONValue] {
            let deadline = ContinuousClock.now + .seconds(60)
            while true {
                let run = try await worker.command(["ops", "list", "--format", "json"] + arguments)
                try #require(run.end == .exited(0), "\(run.errors)")
                let operations = try JSONParser.parse(run.output)["operations"]?.array ?? []
                if !untilEmpty || operations.isEmpty || ContinuousClock.now > deadline { return operations }
            }
        }

        @Test(
            "status says whether the worker is ready and why not, by its exit status as well", .timeLimit(.minutes(2)))
        func status() async throws {
            try await Bench.with { bench in
                let worker = try await bench.worker()
                let ready = try await worker.command(["status"])
                #expect(ready.end == .exited(0), "\(ready)")
                #expect(ready.output.contains("one (pid \(worker.pid)): ready since"), "\(ready)")
                let json = try JSONParser.parse(try await worker.command(["status", "--format", "json"]).output)
                #expect(json["ready"] == true && json["reasons"] == [] && json["running"] == 0 && json["outbox"] == 0)
                #expect(json["working"] == true && json["hypervisor_outage"] == .null)
                worker.kill(SIGSTOP)
                let still = try await worker.command(["status"])
                #expect(still.end == .exited(75) && still.errors.contains("did not answer in time"), "\(still)")
                try await worker.crash()
                let nobody = try await worker.command(["status"])
                #expect(nobody.end == .exited(69) && nobody.errors.contains("no worker listens"), "\(nobody)")

                var settings = bench.settings()
                settings.transportURL = "rabbit://guest:guest@127.0.0.1:1/"
                let cut = try bench.launch(settings)
                _ = await cut.log.first(within: .seconds(30)) { $0.contains("not ready") }
                let away = try await cut.command(["status"])
                #expect(away.end == .exited(1) && away.output.contains("not ready"), "\(away)")
                #expect(away.output.contains("because not consuming"), "\(away)")
                let file = cut.directory.appending(path: "state/control.sock").path
                let mode = try FileManager.default.attributesOfItem(atPath: file)[.posixPermissions] as? Int
                #expect(mode == 0o600)
                #expect(try await cut.stop() == .exited(0))
                #expect(!FileManager.default.fileExists(atPath: file))
            }
        }

        @Test("A worker whose hypervisor is away is ready, but status fails and says so first", .timeLimit(.minutes(2)))
        func hypervisorAway() async throws {
            try await Bench.with { bench in
                var settings = bench.settings()
                settings.driver = "libvirt.LibvirtDriver"
                settings.options["libvirt"] = ["connection_uri": "qemu+unix:///system?socket=/nonexistent/socket"]
                let worker = try bench.launch(settings)
                let told = await worker.log.first(within: .seconds(30)) { $0.contains("the hypervisor is away") }
                try #require(told != nil)
                try #require(await worker.isReady())
                let status = try await worker.command(["status"])
                #expect(status.end == .exited(69), "\(status)")
                let first = try #require(status.output.split(separator: "\n").first)
                #expect(first.contains(": ready since") && first.contains("the hypervisor is away for"), "\(first)")
                #expect(first.hasSuffix("casts wait"), "\(first)")
                let run = try await worker.command(["status", "--format", "json"])
                let json = try JSONParser.parse(run.output)
                #expect(run.end == .exited(69) && json["ready"] == true && json["working"] == false, "\(run)")
                #expect(json["hypervisor_outage"]?["since"]?.string != nil, "\(run)")
                #expect(json["hypervisor_outage"]?["reason"]?.string?.contains("/nonexistent/socket") == true, "\(run)")
                #expect(try await worker.stop() == .exited(0))
            }
        }

        @Test(
            "What waits ends when it is cancelled, what runs undoes itself, and statuses tell the rest",
            .timeLimit(.minutes(3)))
        func cancel() async throws {
            try await Bench.with { bench in
                let worker = try await bench.worker(StopTests.settings(bench, delay: 4, limit: 60))
                let probe = try await bench.probe()
                try await probe.collectEvents()
                let oslo = try await bench.oslo()
                let (building, kept) = (newInstance(), newInstance())
                try await oslo.cast("run_instance", kept, to: "one")
                try await probe.events(of: kept, until: "compute.instance.create.end")

                try await oslo.cast("run_instance", building, to: "one")
                try await probe.events(of: building, until: "compute.instance.create.start")
                let running = try await worker.command(["ops", "cancel", "2", "--format", "json"])
                #expect(running.end == .exited(0), "\(running)")
                #expect(try JSONParser.parse(running.output)["outcome"] == "interrupting")
                try await probe.events(of: building, until: "run_instance")

                try await oslo.cast("stop_instance", kept, to: "one")
                try await oslo.cast("reboot_instance", kept, to: "one")
                try await probe.events(of: kept, until: "compute.instance.power_off.start")
                // The guest is being shut off: that is not undone, and nobody is told that it was.
                let stopping = try await worker.command(["ops", "cancel", "3"])
                #expect(stopping.end == .exited(0) && stopping.output.contains("goes on to its end"), "\(stopping)")
                #expect(stopping.output.contains("ops show 3"), "\(stopping)")
                let waiting = try await worker.command(["ops", "cancel", "4"])
                #expect(waiting.end == .exited(0) && waiting.output.contains("has ended"), "\(waiting)")
                try await probe.events(of: kept, until: "compute.instance.power_off.end")
                let types = try await probe.collected(Probe.events).filter { $0.instance == kept }.types
                #expect(!types.contains("reboot.start"), "\(types)")

                let ended = try await worker.command(["ops", "cancel", "4"])
                #expect(ended.end == .exited(77) && ended.errors.contains("ended already"), "\(ended)")
                let unknown = try await worker.command(["ops", "cancel", "99"])
                #expect(unknown.end == .exited(66) && unknown.errors.contains("no operation 99"), "\(unknown)")
                let wrong = try await worker.command(["ops", "cancel", "soon"])
                #expect(wrong.end == .exited(64), "\(wrong)")
                #expect(try await worker.stop() == .exited(0))
            }
        }

        @Test(
            "list and show tell what runs, what waits and what ended, with and without a worker",
            .timeLimit(.minutes(3)))
        func listing() async throws {
            try await Bench.with { bench in
                let worker = try await bench.worker(StopTests.settings(bench, delay: 5, limit: 60))
                #expect(try await Self.list(worker).isEmpty)
                let probe = try await bench.probe()
                try await probe.collectEvents()
                let oslo = try await bench.oslo()
                let canary = "canary\(UUID().uuidString)"
                let instance = newInstance()
                try await oslo.cast(
                    "run_instance", instance, to: "one", extra: ["admin_password": .string(canary)])
                try await probe.events(of: instance, until: "compute.instance.create.start")
                try await oslo.cast("reboot_instance", instance, to: "one")
                try await oslo.cast("stop_instance", instance, to: "one")
                while try await Self.list(worker).count < 3 {}
                let rows = try await Self.list(worker)
                #expect(rows.map { $0["method"]?.string } == ["run_instance", "reboot_instance", "stop_instance"])
                #expect(rows.map { $0["state"]?.string } == ["running", "waiting", "waiting"])
                #expect(rows[0]["step"] == "spawning" && rows[1]["step"] == .null)
                #expect(rows.allSatisfy { $0["instance"]?.string == instance })
                let table = try await worker.command(["ops", "list"])
                #expect(table.output.contains("STATE") && table.output.contains("spawning"), "\(table)")
                let show = try await worker.command(["ops", "show", "1"])
                #expect(show.end == .exited(0) && show.output.contains("resource"), "\(show)")
                let status = try await worker.command(["status"])
                #expect(status.output.contains("running 1, waiting 2"), "\(status)")

                try await worker.crash()
                let dead = try await Self.list(worker)
                #expect(dead.map { $0["state"]?.string } == ["waiting", "waiting", "waiting"])
                let json = try await worker.command(["ops", "show", "1", "--format", "json"])
                #expect(try JSONParser.parse(json.output)["step"] == "spawning", "\(json)")
                #expect(try await worker.command(["ops", "show", "99"]).end == .exited(66))

                let next = try await bench.worker(StopTests.settings(bench, delay: 0, limit: 60))
                #expect(try await Self.list(next, untilEmpty: true).isEmpty)
                let ended = try await Self.list(next, untilEmpty: false, "--finished", "10")
                #expect(ended.map { $0["state"]?.string } == ["succeeded", "succeeded", "succeeded"])
                for run in [table, show, status, json] { #expect(!(run.output + run.errors).contains(canary)) }
                #expect(try await next.stop() == .exited(0))
            }
        }

        @Test("A cancel without a worker is in the journal, and the next start keeps to it", .timeLimit(.minutes(3)))
        func cancelWithoutWorker() async throws {
            try await Bench.with { bench in
                let worker = try await bench.worker(StopTests.settings(bench, delay: 60, limit: 60))
                let probe = try await bench.probe()
                try await probe.collectEvents()
                let oslo = try await bench.oslo()
                let instance = newInstance()
                try await oslo.cast("run_instance", instance, to: "one")
                try await probe.events(of: instance, until: "compute.instance.create.start")
                try await worker.crash()
                let cancel = try await worker.command(["ops", "cancel", "1"])
                #expect(cancel.end == .exited(0) && cancel.output.contains("next start"), "\(cancel)")
                let next = try await bench.worker(StopTests.settings(bench, delay: 0, limit: 60))
                try await probe.events(of: instance, until: "run_instance")
                #expect(try await next.stop() == .exited(0))
                let types = try await probe.collected(Probe.events).filter { $0.instance == instance }.types
                #expect(!types.contains("create.end"), "\(types)")
            }
        }
    }
}
