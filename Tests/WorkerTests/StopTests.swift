// SPDX-License-Identifier: Apache-2.0

import ComputeModel
import Foundation
import Glibc
import TestSupport
import Testing

extension Program {
    /// SIGTERM while there is work.
    @Suite struct StopTests {
        fileprivate static let notice = "stopping: waiting for what runs"

        /// A worker whose changes of a guest take their time.
        static func settings(_ bench: Bench, delay: Int, limit: Int) -> WorkerProcess.Settings {
            var settings = bench.settings()
            settings.options["DEFAULT"] = ["graceful_shutdown_timeout": "\(limit)"]
            settings.options["fake"] = ["operation_delay": "\(delay)"]
            return settings
        }

        @Test(
            "SIGTERM among 20 operations ends in the time that is set, names each, and the next start ends them all",
            .timeLimit(.minutes(5)))
        func amongTwenty() async throws {
            try await Bench.with { bench in
                let limit = 2
                let worker = try await bench.worker(Self.settings(bench, delay: 3, limit: limit))
                let probe = try await bench.probe()
                try await probe.collectEvents()
                let oslo = try await bench.oslo()
                let old = (0..<10).map { _ in newInstance() }
                for instance in old { try await oslo.cast("run_instance", instance, to: "one") }
                for instance in old { try await probe.events(of: instance, until: "compute.instance.create.end") }

                let creates = (0..<10).map { _ in newInstance() }
                for instance in creates { try await oslo.cast("run_instance", instance, to: "one") }
                for (index, instance) in old.enumerated() {
                    let method = ["reboot_instance", "stop_instance", "terminate_instance"][index % 3]
                    try await oslo.cast(method, instance, to: "one")
                }
                for instance in creates { try await probe.events(of: instance, until: "compute.instance.create.start") }
                for (index, instance) in old.enumerated() {
                    try await probe.events(
                        of: instance, until: "compute.instance.\(["reboot", "power_off", "delete"][index % 3]).start")
                }
                worker.kill(SIGTERM)
                let begun = ContinuousClock.now
                #expect(try await worker.wait(within: .seconds(30)) == .exited(0), "\(worker.log.text(last: 5))")
                // Half a second for the process to vanish, and for this one to hear of it on a busy machine.
                #expect(ContinuousClock.now - begun < .seconds(limit) + .milliseconds(500))
                let told = worker.log.lines.filter { $0.contains(Self.notice) }
                for instance in creates + old {
                    #expect(told.contains { $0.contains(instance) }, "\(instance) is not named: \(told)")
                }
                #expect(told.contains { $0.contains("terminate_instance") })

                let next = try await bench.worker(Self.settings(bench, delay: 0, limit: 60))
                for instance in creates {
                    let events = try await probe.events(of: instance, until: "compute.instance.create.end")
                    #expect(events.count(of: "compute.instance.create.end") == 1)
                }
                for (index, instance) in old.enumerated() where index % 3 == 2 {
                    try await probe.events(of: instance, until: "compute.instance.delete.end")
                }
                #expect(try await OpsTests.list(next, untilEmpty: true).isEmpty)
                let events = try await probe.messages(Probe.events, atLeast: 0, within: 1, settle: 0.5).distinct
                for instance in creates {
                    let ends = events.filter {
                        $0.instance == instance
                            && ["compute.instance.create.end", "run_instance"].contains($0.eventType)
                    }
                    #expect(ends.count == 1, "\(ends.map(\.eventType))")
                }
                #expect(try await next.stop() == .exited(0))
            }
        }

        @Test("A stop waits for what runs, tells of it, and takes nothing more", .timeLimit(.minutes(3)))
        func waits() async throws {
            try await Bench.with { bench in
                let worker = try await bench.worker(Self.settings(bench, delay: 7, limit: 60))
                let probe = try await bench.probe()
                try await probe.collectEvents()
                let oslo = try await bench.oslo()
                let (instance, late) = (newInstance(), newInstance())
                try await oslo.cast("run_instance", instance, to: "one")
                try await probe.events(of: instance, until: "compute.instance.create.start")
                worker.kill(SIGTERM)
                let line = await worker.log.first(within: .seconds(10)) { $0.contains(Self.notice) }
                #expect(line?.contains("run_instance") == true && line?.contains(instance) == true, "\(line ?? "-")")
                #expect(worker.end == nil)
                try await probe.unconsumed("compute.one")
                try await oslo.cast("run_instance", late, to: "one")
                try await probe.events(of: instance, until: "compute.instance.create.end")
                #expect(try await worker.wait() == .exited(0))
                #expect(worker.log.lines.count { $0.contains(Self.notice) } > 1, "it is told again while it lasts")
                #expect(try await probe.depth("compute.one") == 1, "what came after the signal waits at the broker")
                let seen = try await probe.collected(Probe.events)
                #expect(!seen.contains { $0.instance == late })
            }
        }
    }

    /// A hypervisor that does not answer.
    @Suite(.hypervisor) struct StuckStopTests {
        @Test("A stop ends in its time also where the hypervisor stands still", .timeLimit(.minutes(5)))
        func stuck() async throws {
            let hypervisor = try #require(Hypervisor.current)
            try await Bench.with { bench in
                var settings = try await hypervisor.settings(bench)
                settings.options["DEFAULT"] = ["graceful_shutdown_timeout": "3"]
                let worker = try await bench.worker(settings)
                let probe = try await bench.probe()
                try await probe.collectEvents()
                let oslo = try await bench.oslo()
                let instance = newInstance()
                try await oslo.cast("run_instance", instance, to: "one", image: Hypervisor.image)
                try await probe.events(of: instance, until: "compute.instance.create.end")
                try hypervisor.freeze(true)
                defer { try? hypervisor.freeze(false) }
                try await oslo.cast("terminate_instance", instance, to: "one")
                try await probe.events(of: instance, until: "compute.instance.delete.start")
                worker.kill(SIGTERM)
                let begun = ContinuousClock.now
                #expect(try await worker.wait(within: .seconds(30)) == .exited(0), "\(worker.log.text(last: 5))")
                #expect(ContinuousClock.now - begun < .seconds(3.5))
                let log = worker.log.lines
                #expect(log.contains { $0.contains(StopTests.notice) && $0.contains(instance) }, "\(log.suffix(9))")
                #expect(log.contains { $0.contains("the next start goes on with it") }, "\(log.suffix(9))")
                try hypervisor.freeze(false)
                let next = try await bench.again(worker)
                try await probe.events(of: instance, until: "compute.instance.delete.end")
                #expect(try await hypervisor.isGone(instance, of: next))
                #expect(try await next.stop() == .exited(0))
            }
        }
    }
}
