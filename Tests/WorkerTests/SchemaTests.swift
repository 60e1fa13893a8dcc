// SPDX-License-Identifier: Apache-2.0

import ComputeModel
import Foundation
import TestSupport
import Testing

extension Program {
    /// What the worker publishes, caught by the broker's own tracing, against the schemas.
    @Suite struct SchemaTests {
        @Test(
            "Every message that the worker publishes is valid by its schema", .timeLimit(.minutes(5)),
            arguments: [
                "messagingv2", "messaging", "rabbit_notifier",
            ])
        func everything(form: String) async throws {
            try await Bench.with { bench in
                let probe = try await bench.probe()
                let tracing = try await Tracing.begin(bench, probe)
                try await probe.collectEvents()
                var settings = bench.settings()
                settings.options["oslo_messaging_notifications"] = ["driver": form]
                settings.options["notifications"] = ["notify_on_state_change": "vm_and_task_state"]
                let worker = try await bench.worker(settings)
                let oslo = try await bench.oslo()
                let kombu = try await bench.kombu()
                let instance = newInstance()
                try await oslo.cast("run_instance", instance, to: "one")
                for method in [
                    "reboot_instance", "stop_instance", "start_instance", "power_off_instance", "power_on_instance",
                ] {
                    let answer = try await oslo.call(method, instance, to: "one")
                    #expect(answer["error"] == nil, "\(method): \(JSONWriter.text(answer))")
                }
                _ = try await oslo.call("get_console_output", instance, to: "one")
                _ = try await oslo.call("get_console_output", newInstance(), to: "one")
                try await oslo.cast("run_instance", instance, to: "one")
                _ = try await kombu.ask([
                    "kind": "call", "method": "get_host_uptime", "args": [:], "routing_key": "compute.one",
                ])
                _ = try await kombu.ask([
                    "kind": "call", "method": "no_such", "args": [:], "routing_key": "compute.one",
                ])
                _ = try await oslo.ask(["kind": "call", "method": "no_such", "server": "one"])
                try await probe.publish("not JSON", to: "compute.one", exchange: "nova")
                try await probe.events(of: instance, until: "run_instance")
                try await oslo.cast("terminate_instance", instance, to: "one")
                try await probe.events(of: instance, until: "compute.instance.delete.end")
                #expect(try await worker.stop() == .exited(0))

                let records = try await tracing.published(atLeast: 40)
                let keys = Set(records.compactMap { $0["routing_key"]?.string })
                #expect(
                    keys.isSuperset(of: ["notifications.info", "notifications.error", "compute.one.dead"]), "\(keys)")
                #expect(keys.contains { $0.hasPrefix("reply_") })
                let verdict = try await bench.validate(records)
                #expect(verdict.contains("compute.instance.update"), "\(verdict)")
            }
        }
    }
}
