// SPDX-License-Identifier: Apache-2.0

import ComputeModel
import Foundation
import Glibc
import TestSupport
import Testing

extension Program {
    /// What the worker does by itself, what it tells the scheduler, and what instances have claimed of the host.
    @Suite struct PeriodicTests {
        private static let scheduler = "seen.scheduler"

        private func settings(_ bench: Bench) -> WorkerProcess.Settings {
            var settings = bench.counting(bench.settings())
            settings.options["DEFAULT", default: [:]].merge(
                ["periodic_interval": "1", "periodic_fuzzy_delay": "0", "report_interval": "1"]
            ) { _, new in new }
            settings.options["compute_worker", default: [:]]["scheduler_reports"] = "fanout"
            return settings
        }

        /// What `tasks` tells of one, when it has run so often; nothing outside tells of a run.
        private func task(
            _ name: String, of worker: WorkerProcess, runs: Int = 0, sourceLocation: SourceLocation = #_sourceLocation
        ) async throws -> JSONValue {
            let deadline = ContinuousClock.now + .seconds(30)
            while true {
                let run = try await worker.command(["tasks", "--format", "json"])
                try #require(run.end == .exited(0), "\(run)", sourceLocation: sourceLocation)
                let list = try JSONParser.parse(run.output)["tasks"]?.array ?? []
                let found = try #require(
                    list.first { $0["task"]?.string == name }, "\(run.output)", sourceLocation: sourceLocation)
                if found["runs"]?.int ?? 0 >= runs { return found }
                try #require(.now < deadline, "\(JSONWriter.text(found))", sourceLocation: sourceLocation)
            }
        }

        @Test(
            "All schedulers hear what the host has, in Folsom's form; tasks tells how that and the heartbeat fare",
            .timeLimit(.minutes(3)))
        func reports() async throws {
            try await Bench.with { bench in
                let probe = try await bench.probe()
                try await probe.collect("seen.fanout", bindings: [("scheduler_fanout", "fanout", "")])
                let worker = try await bench.worker(settings(bench))
                let reports = try await probe.messages("seen.fanout", atLeast: 2)
                let recorded = try JSONParser.parse(try Golden.body("f16-update_service_capabilities"))
                for report in reports {
                    #expect(report.exchange == "scheduler_fanout" && report.key.isEmpty)
                    // Folsom's body is the message itself, with the keys that nova's compute sends.
                    let body = try JSONParser.parse(report.body)
                    #expect(Set(body.object?.keys ?? []) == Set(recorded.object?.keys ?? []))
                    #expect(body["method"] == "update_service_capabilities" && body["version"] == "2.0")
                    let arguments = try #require(body["args"]?.object)
                    #expect(Set(arguments.keys) == ["service_name", "host", "capabilities"])
                    #expect(arguments["service_name"] == "compute" && arguments["host"] == "one")
                    #expect(arguments["capabilities"]?["host_ip"] == "127.0.0.1")
                    #expect(arguments["capabilities"]?["host_memory_free"]?.int ?? 0 > 0)
                }
                let told = try await task("publish_service_capabilities", of: worker, runs: 2)
                #expect(told["last_run"]?["outcome"] == "ok" && told["last_run"]?["result"] == "told")
                #expect(told["last_run"]?["seconds"] != nil && told["last_run"]?["begun_at"]?.string != nil)
                #expect(told["state"] == "running" || told["next_run"]?.string.flatMap { Timestamp($0) } != nil)
                #expect(told["interval_s"]?.double == 1 && told["failures"] == 0)

                let beat = try await task("report_state", of: worker, runs: 2)
                #expect(beat["last_run"]?["outcome"] == "ok" && beat["option"] == "report_interval")
                let before = try await heartbeat(bench)
                _ = try await task("report_state", of: worker, runs: (beat["runs"]?.int ?? 0) + 3)
                let after = try await heartbeat(bench, since: before + 1)
                #expect(abs(Date().timeIntervalSince1970 - Double(after)) < 30)

                #expect(try await task("poll_bandwidth_usage", of: worker, runs: 1)["last_run"]?["outcome"] == "ok")
                let off = try await task("poll_rescued_instances", of: worker)
                #expect(off["state"] == "off" && off["reason"] == "rescue_timeout says so")
                let table = try await worker.command(["tasks"])
                for name in ["report_state", "update_available_resource", "sync_power_states"] {
                    #expect(table.output.contains(name), "\(table.output)")
                }
                #expect(try await worker.stop() == .exited(0))
            }
        }

        /// The gauge's last value in the counters' file, when it is not older.
        private func heartbeat(_ bench: Bench, since moment: Int = 1) async throws -> Int {
            let deadline = ContinuousClock.now + .seconds(30)
            while true {
                let value = try await bench.counters(reaching: [:])["compute_heartbeat"] ?? 0
                if value >= moment { return value }
                try #require(.now < deadline, "the heart beat last at \(value)")
                // The file is written at an interval and nothing tells when.
                try await Task.sleep(for: .milliseconds(200))
            }
        }

        @Test("An operator who wants no periodic tasks has none", .timeLimit(.minutes(2)))
        func none() async throws {
            try await Bench.with { bench in
                let probe = try await bench.probe()
                try await probe.collect("seen.fanout", bindings: [("scheduler_fanout", "fanout", "")])
                var settings = settings(bench)
                settings.options["DEFAULT"]?["periodic_enable"] = "false"
                let worker = try await bench.worker(settings)
                let tasks = try await worker.command(["tasks"])
                #expect(tasks.output == "no tasks", "\(tasks)")
                #expect(try await probe.messages("seen.fanout", atLeast: 0, within: 3, settle: 2).isEmpty)
                #expect(try await worker.stop() == .exited(0))
            }
        }

        /// What `status` says is claimed.
        private func claimed(of worker: WorkerProcess) async throws -> [Int?] {
            let run = try await worker.command(["status", "--format", "json"])
            let claimed = try JSONParser.parse(run.output)["resources"]?["claimed"]
            return ["vcpus", "memory_mb", "disk_gb"].map { claimed?[$0]?.int }
        }

        @Test(
            "A build over the scheduler's limits goes back to the scheduler; status tells what is claimed till the end",
            .timeLimit(.minutes(3)))
        func claims() async throws {
            try await Bench.with { bench in
                let probe = try await bench.probe()
                try await probe.collectEvents()
                try await probe.collect(Self.scheduler, bindings: [("nova", "topic", "scheduler")])
                let worker = try await bench.worker(settings(bench))
                _ = try await task("update_available_resource", of: worker, runs: 1)
                let oslo = try await bench.oslo()
                #expect(try await claimed(of: worker) == [0, 0, 0])
                let (kept, refused) = (newInstance(), newInstance())
                // A recorded build asks for one processor and 512 MiB; as much is reserved for the host.
                let limits: JSONObject = [
                    "filter_properties": [
                        "retry": ["num_attempts": 1, "hosts": ["one"]], "limits": ["memory_mb": 1500],
                    ]
                ]
                try await oslo.cast("run_instance", kept, to: "one", extra: limits)
                try await probe.events(of: kept, until: "compute.instance.create.end")
                #expect(try await claimed(of: worker) == [1, 512, 0])
                let status = try await worker.command(["status"])
                #expect(status.output.contains("memory: 512 of"), "\(status.output)")

                try await oslo.cast("run_instance", refused, to: "one", extra: limits)
                let cast = try #require(try await probe.messages(Self.scheduler, atLeast: 1).first)
                #expect(cast.exchange == "nova" && cast.key == "scheduler")
                #expect(cast.message["method"] == "run_instance")
                let arguments = cast.message["args"]
                #expect(arguments?["request_spec"]?["instance_uuids"] == [.string(refused)])
                #expect(arguments?["filter_properties"]?["retry"]?["hosts"] == ["one"])
                #expect(arguments?["filter_properties"]?["limits"]?["memory_mb"]?.double == 1500)
                _ = try await OpsTests.list(worker, untilEmpty: true)
                #expect(try await claimed(of: worker) == [1, 512, 0])
                let show = try await worker.command(["ops", "show", "2"])
                #expect(show.output.contains("scheduler run_instance, "), "\(show.output)")
                let types = try await probe.collected(Probe.events).filter { $0.instance == refused }.types
                #expect(!types.contains("create.end"), "\(types)")

                try await oslo.cast("terminate_instance", kept, to: "one")
                try await probe.events(of: kept, until: "compute.instance.delete.end")
                _ = try await OpsTests.list(worker, untilEmpty: true)
                #expect(try await claimed(of: worker) == [0, 0, 0])
                // What was given back can be had again, with the same limits.
                let next = newInstance()
                try await oslo.cast("run_instance", next, to: "one", extra: limits)
                try await probe.events(of: next, until: "compute.instance.create.end")
                #expect(try await claimed(of: worker) == [1, 512, 0])
                #expect(try await worker.stop() == .exited(0))
            }
        }
    }
}
