// SPDX-License-Identifier: Apache-2.0

import ComputeModel
import Foundation
import TestSupport
import Testing

extension Program {
    /// Several workers on one broker.
    @Suite struct FleetTests {
        @Test(
            "Three workers share the topic, each hears its own host alone, and a fanout reaches all",
            .timeLimit(.minutes(5)))
        func sharing() async throws {
            try await Bench.with { bench in
                let hosts = ["a", "b", "c"]
                for host in hosts { _ = try await bench.worker(host) }
                let probe = try await bench.probe()
                try await probe.collectEvents()
                let oslo = try await bench.oslo()

                let shared = (0..<60).map { _ in newInstance() }
                for instance in shared { try await oslo.cast("run_instance", instance, to: nil) }
                let created = try await probe.messages(Probe.events, atLeast: 120)
                let ends = created.filter { $0.eventType == "compute.instance.create.end" }
                #expect(Set(ends.compactMap(\.instance)) == Set(shared))
                #expect(ends.count == 60, "each is done once")
                for host in hosts {
                    let count = ends.filter { $0.payload["host"]?.string == host }.count
                    #expect(count >= 12, "\(host) got \(count) of 60")
                }

                let own = (0..<9).map { (instance: newInstance(), host: hosts[$0 % 3]) }
                for (instance, host) in own { try await oslo.cast("run_instance", instance, to: host) }
                for (instance, host) in own {
                    let events = try await probe.events(of: instance, until: "compute.instance.create.end")
                    #expect(
                        events.map { $0.message["publisher_id"]?.string } == ["compute.\(host)", "compute.\(host)"])
                }

                // A terminate of what nobody knows succeeds everywhere, so each worker tells of it.
                let nowhere = newInstance()
                try await oslo.ask([
                    "kind": "fanout", "method": "terminate_instance",
                    "prepared": ["uuid": .string(nowhere), "host": "a"],
                ])
                let everywhere = try await probe.events(
                    of: nowhere, until: ["compute.instance.delete.end"], counts: ["compute.instance.delete.end": 3])
                let publishers = everywhere.filter { $0.eventType == "compute.instance.delete.end" }
                    .compactMap { $0.message["publisher_id"]?.string }
                #expect(publishers.sorted() == hosts.map { "compute.\($0)" })
            }
        }
    }
}
