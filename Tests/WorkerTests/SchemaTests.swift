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
                try await bench.servers.broker.control("trace_on", "-p", bench.virtualHost)
                let probe = try await bench.probe()
                try await probe.collect("seen.all", bindings: [("amq.rabbitmq.trace", "topic", "publish.#")])
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

                let all = try await probe.messages("seen.all", atLeast: 40, settle: 1)
                let records = all.compactMap(Self.record)
                let keys = Set(records.compactMap { $0["routing_key"]?.string })
                #expect(
                    keys.isSuperset(of: ["notifications.info", "notifications.error", "compute.one.dead"]), "\(keys)")
                #expect(keys.contains { $0.hasPrefix("reply_") })
                let file = bench.directory.appending(path: "published.jsonl")
                let lines = records.map { JSONWriter.text($0) }.joined(separator: "\n")
                try Data((lines + "\n").utf8).write(to: file)
                let script = PythonClient.projectDirectory.appending(path: "scripts/validate-messages.py").path
                let verdict = try await ChildProcess.run(
                    bench.servers.python, [script, file.path], within: .seconds(120))
                #expect(verdict.end == .exited(0), "\(verdict.output)\n\(verdict.errors)")
                #expect(verdict.output.contains("compute.instance.update"), "\(verdict.output)")
            }
        }

        /// What the worker published, of what the tracing saw.
        private static func record(_ traced: Probe.Message) -> JSONValue? {
            guard let key = traced.headers["routing_keys"]?.array?.first?.string else { return nil }
            // What others send to it.
            if key.hasPrefix("compute"), !key.hasSuffix(".dead") { return nil }
            return [
                "body": .string(traced.body), "routing_key": .string(key),
                "headers": traced.headers["properties"]?["headers"] ?? [:],
            ]
        }
    }
}
