// SPDX-License-Identifier: Apache-2.0

import ComputeModel
import Foundation
import TestSupport
import Testing

extension Program {
    @Suite("The numbers of an instance's events") struct SequenceTests {
        @Test("They count from 1 without a gap across a crash, and are the same in header and envelope",
            .timeLimit(.minutes(3)))
        func numbers() async throws {
            try await Bench.with { bench in
                var worker = try await bench.worker()
                let probe = try await bench.probe()
                try await probe.collectEvents()
                let oslo = try await bench.oslo()
                let (one, other) = (newInstance(), newInstance())
                for instance in [one, other] { try await oslo.cast("run_instance", instance, to: "one") }
                try await probe.events(of: one, until: "compute.instance.create.end")
                try await oslo.cast("reboot_instance", one, to: "one")
                try await probe.events(of: one, until: "compute.instance.reboot.end")
                try await worker.crash()
                worker = try await bench.again(worker)
                for instance in [one, other] {
                    try await oslo.cast("terminate_instance", instance, to: "one")
                    let events = try await probe.events(
                        of: instance, until: ["compute.instance.delete.end"], within: 30, settle: 1)
                    var seen: Set<String> = []
                    let distinct = events.filter { seen.insert($0.eventID).inserted }
                    #expect(distinct.count >= (instance == one ? 8 : 6))
                    let numbers = distinct.map { $0.headers["x-instance-sequence"]?.int }
                    #expect(numbers == (1...distinct.count).map { $0 }, "\(distinct.map(\.eventType))")
                    for event in events {
                        let envelope = try JSONParser.parse(event.body)
                        #expect(envelope["x-instance-sequence"] == event.headers["x-instance-sequence"])
                    }
                }
                #expect(try await worker.stop() == .exited(0))
            }
        }
    }
}
