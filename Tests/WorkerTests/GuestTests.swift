// SPDX-License-Identifier: Apache-2.0

import ComputeModel
import Foundation
import TestSupport
import Testing

extension Program {
    /// Real guests.
    @Suite(.hypervisor) struct GuestTests {
        @Test("A cast becomes a running machine, and goes with its files", .timeLimit(.minutes(5)))
        func life() async throws {
            let hypervisor = try #require(Hypervisor.current)
            try await Bench.with { bench in
                let worker = try await bench.worker(try await hypervisor.settings(bench))
                let probe = try await bench.probe()
                try await probe.collectEvents()
                let oslo = try await bench.oslo()
                let instance = newInstance()
                try await oslo.cast("run_instance", instance, to: "one", image: Hypervisor.image)
                let created = try await probe.events(of: instance, until: "compute.instance.create.end")
                #expect(created.types == ["create.start", "create.end"])
                #expect(try await hypervisor.state(instance) == "running")
                let disk = worker.instancesDirectory.appending(path: "\(instance)/disk")
                #expect(FileManager.default.fileExists(atPath: disk.path))
                let name = try await hypervisor.libvirt.virsh("domname", instance)
                #expect(!name.isEmpty)

                let boot = try await hypervisor.run(instance)
                try await oslo.cast("reboot_instance", instance, to: "one")
                try await probe.events(of: instance, until: "compute.instance.reboot.end")
                #expect(try await hypervisor.state(instance) == "running")
                let second = try await hypervisor.run(instance)
                #expect(second != boot, "the guest heeds no ACPI, so it was rebooted hard")

                try await oslo.cast("reboot_instance", instance, to: "one", extra: ["reboot_type": "HARD"])
                try await probe.events(
                    of: instance, until: ["compute.instance.reboot.end"], counts: ["compute.instance.reboot.end": 2])
                #expect(try await hypervisor.run(instance) != second)

                try await oslo.cast("stop_instance", instance, to: "one")
                try await probe.events(of: instance, until: "compute.instance.power_off.end")
                #expect(try await hypervisor.state(instance) == "shut off")
                try await oslo.cast("start_instance", instance, to: "one")
                try await probe.events(of: instance, until: "compute.instance.power_on.end")
                #expect(try await hypervisor.state(instance) == "running")

                try await speaks(oslo, instance)
                let uptime = try await oslo.ask(["kind": "call", "method": "get_host_uptime", "server": "one"])
                #expect(uptime["result"]?.string?.contains("load average") == true, "\(JSONWriter.text(uptime))")

                try await oslo.cast("terminate_instance", instance, to: "one")
                let all = try await probe.events(of: instance, until: "compute.instance.delete.end")
                #expect(try await hypervisor.isGone(instance, of: worker))
                #expect(
                    all.types == [
                        "create.start", "create.end", "reboot.start", "reboot.end", "reboot.start", "reboot.end",
                        "power_off.start", "power_off.end", "power_on.start", "power_on.end", "delete.start",
                        "shutdown.start", "shutdown.end", "delete.end",
                    ])
                let missing = try await oslo.call("get_console_output", instance, to: "one")
                #expect(missing["error"]?["exc_type"] == "InstanceNotFound")
                #expect(try await worker.stop() == .exited(0))
            }
        }

        /// Waits until the guest's own words stand in its console output.
        private func speaks(_ oslo: Caller, _ instance: String) async throws {
            let deadline = ContinuousClock.now + .seconds(60)
            while true {
                let console = try await oslo.call("get_console_output", instance, to: "one", extra: ["tail_length": 10])
                if console["result"]?.string?.contains(Hypervisor.word) == true { return }
                try #require(.now < deadline, "the guest says nothing: \(JSONWriter.text(console))")
                // Nothing tells when a guest writes to its console.
                try await Task.sleep(for: .milliseconds(200))
            }
        }

        @Test(
            "A build that fails ends in ERROR or goes back to the scheduler, and leaves nothing",
            .timeLimit(.minutes(5)))
        func failedBuilds() async throws {
            let hypervisor = try #require(Hypervisor.current)
            try await Bench.with { bench in
                let settings = try await hypervisor.settings(bench)
                let worker = try await bench.worker(settings)
                let probe = try await bench.probe()
                try await probe.collectEvents()
                try await probe.collect("seen.scheduler", bindings: [("nova", "topic", "scheduler")])
                let tracing = try await Tracing.begin(bench, probe)
                let oslo = try await bench.oslo()
                let images = worker.imageDirectory
                let hostile = "1f2e3d4c-0000-4000-8000-00000000bad0"
                try hypervisor.writeMetadata(hostile, in: images, format: "qcow2")
                try Data("QFI\u{fb} and nothing that follows".utf8).write(to: images.appending(path: hostile))

                /// Builds an instance that can't be, and looks for what must not be left.
                func fails(
                    _ what: String, image: String = Hypervisor.image, isLate: Bool, goesBack: Bool = true,
                    _ fields: JSONObject, before: (String) throws -> Void = { _ in }
                ) async throws {
                    for mayGoBack in [true, false] {
                        let instance = newInstance()
                        try before(instance)
                        var command: JSONObject = [
                            "method": "run_instance", "server": "one",
                            "prepared": [
                                "uuid": .string(instance), "host": "one", "image_id": .string(image),
                                "instance": .object(fields),
                                "extra": mayGoBack ? [:] : ["filter_properties": [:]],
                            ],
                        ]
                        command["kind"] = "cast"
                        try await oslo.cast(command)
                        if mayGoBack, isLate, goesBack {
                            let casts = try await probe.messages("seen.scheduler", atLeast: 1)
                            let found = casts.filter { $0.body.contains(instance) }
                            #expect(found.count == 1, "\(what) goes back to the scheduler")
                            #expect(found.first?.message["method"] == "run_instance")
                            let list = found.first?.message["args"]?["request_spec"]?["instance_uuids"]
                            #expect(list == [.string(instance)])
                            try await probe.ask(["do": "forget", "queue": "seen.scheduler"])
                        } else {
                            let events = try await probe.events(of: instance, until: "run_instance")
                            #expect(
                                events.types == (isLate ? ["create.start", "run_instance"] : ["run_instance"]),
                                "\(what)")
                            #expect(events.last?.message["priority"] == "ERROR")
                        }
                        #expect(try await hypervisor.isGone(instance, of: worker), "\(what) leaves nothing")
                    }
                }

                try await fails("an image that is not there", image: newInstance(), isLate: false, [:])
                try await fails("an image that is not what it says", image: hostile, isLate: false, [:])
                try await fails("a wish that can't be honoured", isLate: false, ["user_data": "Y2FuYXJ5"])
                try await fails("a name that libvirt refuses", isLate: true, goesBack: false, ["name": "a/b\n"])
                try await fails("a disk that can't be made", isLate: true, ["root_gb": 2_000_000_000])
                try await fails("more processors than there can be", isLate: true, ["vcpus": 100_000])
                try await fails("more memory than there is", isLate: true, ["memory_mb": 500_000_000])
                // Where nobody can see what is left of it, a build stays in the books of this host.
                try await fails("an instance's directory that can't be made", isLate: true, goesBack: false, [:]) { _ in
                    // Root heeds no modes, so the way there is no directory.
                    try? FileManager.default.removeItem(at: worker.instancesDirectory)
                    try Data().write(to: worker.instancesDirectory)
                }
                try FileManager.default.removeItem(at: worker.instancesDirectory)
                let published = try await tracing.published(atLeast: 20)
                #expect(published.count { $0["routing_key"] == "scheduler" } == 3)
                try await bench.validate(published)
                let instance = newInstance()
                try await oslo.cast("run_instance", instance, to: "one", image: Hypervisor.image)
                try await probe.events(of: instance, until: "compute.instance.create.end")
                #expect(try await hypervisor.state(instance) == "running", "the worker is none the worse")
            }
        }

        @Test(
            "What runs is waited for on SIGTERM, left to the next start on the second, and told of to a waiting caller",
            .timeLimit(.minutes(5)))
        func longWork() async throws {
            let hypervisor = try #require(Hypervisor.current)
            try await Bench.with { bench in
                var settings = try await hypervisor.settings(bench)
                settings.options["libvirt"]?["wait_soft_reboot_seconds"] = "4"
                let first = try await bench.worker(settings)
                let probe = try await bench.probe()
                try await probe.collectEvents()
                let tracing = try await Tracing.begin(bench, probe)
                let oslo = try await bench.oslo()
                let instance = newInstance()
                try await oslo.cast("run_instance", instance, to: "one", image: Hypervisor.image)
                try await probe.events(of: instance, until: "compute.instance.create.end")

                // The caller gives up after two seconds without a word; the reboot takes four.
                let answer = try await oslo.call(
                    "reboot_instance", instance, to: "one", more: ["timeout": 60, "call_monitor_timeout": 2])
                #expect(answer["error"] == nil, "\(JSONWriter.text(answer))")
                let published = try await tracing.published(atLeast: 6)
                let beats = published.filter { record in
                    guard let text = record["body"]?.string, let envelope = try? JSONParser.parse(text),
                        let inner = envelope["oslo.message"]?.string, let frame = try? JSONParser.parse(inner)
                    else { return false }
                    return frame["ending"] == false
                }
                #expect(beats.count >= 2, "the caller was told that the call still runs")
                try await bench.validate(published)

                let (start, end) = ("compute.instance.reboot.start", "compute.instance.reboot.end")
                try await oslo.cast("reboot_instance", instance, to: "one")
                try await probe.events(of: instance, until: [start], counts: [start: 2])
                #expect(try await first.stop() == .exited(0))
                try await probe.events(of: instance, until: [end], counts: [end: 2], within: 5)

                settings.options["libvirt"]?["wait_soft_reboot_seconds"] = "60"
                let second = try await bench.worker(settings)
                try await oslo.cast("reboot_instance", instance, to: "one")
                try await probe.events(of: instance, until: [start], counts: [start: 3])
                second.kill(15)
                #expect(await second.log.first(within: .seconds(10)) { $0.contains("stopping") } != nil)
                #expect(second.end == nil)
                second.kill(15)
                #expect(try await second.wait(within: .seconds(5)) == .exited(143))

                settings.options["libvirt"]?["wait_soft_reboot_seconds"] = "1"
                let third = try await bench.worker(settings)
                try await probe.events(of: instance, until: [end], counts: [end: 3])
                #expect(try await hypervisor.state(instance) == "running")
                try await oslo.cast("terminate_instance", instance, to: "one")
                try await probe.events(of: instance, until: "compute.instance.delete.end")
                #expect(try await hypervisor.isGone(instance, of: third))
                #expect(try await third.stop() == .exited(0))
            }
        }

        @Test(
            "A libvirt that goes away in the middle of a build leaves nothing behind when it is back",
            .timeLimit(.minutes(5)))
        func libvirtGoes() async throws {
            try await LibvirtServer.withServer { libvirt in
                let hypervisor = Hypervisor(libvirt: libvirt)
                try await Bench.with { bench in
                    let worker = try await bench.worker(try await hypervisor.settings(bench))
                    let probe = try await bench.probe()
                    try await probe.collectEvents()
                    try await probe.collect("seen.scheduler", bindings: [("nova", "topic", "scheduler")])
                    let oslo = try await bench.oslo()
                    let instance = newInstance()
                    // Killed now, it is in the middle of the build.
                    try await oslo.cast("run_instance", instance, to: "one", image: Hypervisor.image)
                    try await probe.events(of: instance, until: "compute.instance.create.start")
                    try await libvirt.kill()
                    _ = await worker.log.first(within: .seconds(20)) { $0.contains("libvirt not connected") }
                    try await libvirt.resume()
                    let outcome = try await outcome(of: instance, probe)
                    try await oslo.cast("terminate_instance", instance, to: "one")
                    if outcome == "active" { #expect(try await hypervisor.state(instance) != nil) }
                    try await probe.events(of: instance, until: "compute.instance.delete.end", within: 90)
                    #expect(try await hypervisor.isGone(instance, of: worker), "after \(outcome)")

                    // It serves on with the libvirt that is back.
                    let next = newInstance()
                    try await oslo.cast("run_instance", next, to: "one", image: Hypervisor.image)
                    try await probe.events(of: next, until: "compute.instance.create.end")
                    #expect(try await hypervisor.state(next) == "running")
                    #expect(try await worker.stop() == .exited(0))
                }
            }
        }

        /// Waits until a build has ended in one of its three ways.
        private func outcome(of instance: String, _ probe: Probe) async throws -> String {
            let deadline = ContinuousClock.now + .seconds(120)
            while true {
                let types = try await probe.messages(Probe.events, atLeast: 0, within: 1, settle: 0.3)
                    .filter { $0.instance == instance }.types
                if types.contains("create.end") { return "active" }
                if types.contains("run_instance") { return "error" }
                let casts = try await probe.messages("seen.scheduler", atLeast: 0, within: 1, settle: 0.1)
                if casts.contains(where: { $0.body.contains(instance) }) { return "rescheduled" }
                try #require(.now < deadline, "the build does not end: \(types)")
            }
        }
    }
}
