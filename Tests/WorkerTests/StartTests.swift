// SPDX-License-Identifier: Apache-2.0

import ComputeModel
import Foundation
import Glibc
import TestSupport
import Testing

extension Program {
    /// The start on a host that has guests; how long it takes is measured by the benchmarks.
    @Suite struct StartTests {
        @Test(
            "A start on a host with 500 guests touches none of them and tells nothing of them", .timeLimit(.minutes(5)))
        func fiveHundredGuests() async throws {
            try await Bench.with { bench in
                let builder = try await bench.worker()
                let probe = try await bench.probe()
                try await probe.collectEvents()
                let oslo = try await bench.oslo()
                let instances = (0..<500).map { _ in newInstance() }
                for instance in instances { try await oslo.cast("run_instance", instance, to: "one") }
                _ = try await probe.messages(Probe.events, atLeast: 1000, within: 120)
                #expect(try await builder.stop() == .exited(0))
                let built = try await probe.collected(Probe.events).count

                var settings = bench.settings()
                settings.driver = "libvirt.LibvirtDriver"
                settings.options["libvirt"] = [
                    "connection_uri": "test://\(try Self.node(instances, in: bench.directory))", "virt_type": "qemu",
                ]
                settings.options["notifications"] = ["notify_on_state_change": "vm_and_task_state"]
                let worker = try await bench.worker(settings)
                let uptime = try await worker.command(["call", "get_host_uptime", "--server", "one"])
                #expect(uptime.end == .exited(0), "\(uptime)")
                // One guest is asked for something: what was to be done to others at the start lies before it.
                try await oslo.cast("reboot_instance", instances[7], to: "one", extra: ["reboot_type": "HARD"])
                let ends = try await probe.events(of: instances[7], until: "compute.instance.reboot.end")
                #expect(ends.last?.payload["state"] == "active")
                let told = try await probe.collected(Probe.events).dropFirst(built)
                #expect(told.allSatisfy { $0.instance == instances[7] }, "\(told.map(\.eventType))")
                #expect(try await worker.stop() == .exited(0))
            }
        }

        /// A host of libvirt's test driver on which these run.
        static func node(_ instances: [String], in directory: URL) throws -> String {
            let domains = instances.enumerated().map { number, instance in
                """
                <domain type='test'><name>instance-\(number)</name><uuid>\(instance)</uuid><memory>524288</memory>\
                <vcpu>1</vcpu><os><type arch='x86_64'>hvm</type></os></domain>
                """
            }
            let file = directory.appending(path: "node.xml")
            try Data("<node>\(domains.joined())</node>".utf8).write(to: file)
            return file.path
        }
    }

    /// The start while the hypervisor does not answer.
    @Suite(.hypervisor) struct DeafStartTests {
        @Test(
            "A worker is ready before its hypervisor has answered, and then finds its guest as it was",
            .timeLimit(.minutes(5)))
        func deaf() async throws {
            let hypervisor = try #require(Hypervisor.current)
            try await Bench.with { bench in
                let worker = try await bench.worker(try await hypervisor.settings(bench))
                let probe = try await bench.probe()
                try await probe.collectEvents()
                let oslo = try await bench.oslo()
                let instance = newInstance()
                try await oslo.cast("run_instance", instance, to: "one", image: Hypervisor.image)
                try await probe.events(of: instance, until: "compute.instance.create.end")
                let run = try await hypervisor.run(instance)
                #expect(try await worker.stop() == .exited(0))

                try hypervisor.freeze(true)
                defer { try? hypervisor.freeze(false) }
                let next = try await bench.again(worker)
                #expect(!next.log.text().contains("libvirt connected"))
                try await oslo.cast("stop_instance", instance, to: "one")
                try hypervisor.freeze(false)
                let events = try await probe.events(of: instance, until: "compute.instance.power_off.end")
                #expect(events.distinct.types.suffix(2) == ["power_off.start", "power_off.end"])
                try await oslo.cast("start_instance", instance, to: "one")
                try await probe.events(of: instance, until: "compute.instance.power_on.end")
                #expect(try await hypervisor.run(instance) != run, "it was switched on anew, once asked")
                try await oslo.cast("terminate_instance", instance, to: "one")
                try await probe.events(of: instance, until: "compute.instance.delete.end")
                #expect(try await next.stop() == .exited(0))
            }
        }
    }
}
