// SPDX-License-Identifier: Apache-2.0

import ComputeModel
import Foundation
import TestSupport
import Testing

extension Program {
    /// Folsom's own messages, as they were recorded, over kombu.
    @Suite struct KombuTests {
        @Test("The recorded Folsom messages are done in their order, with Folsom's events", .timeLimit(.minutes(5)))
        func recordedCasts() async throws {
            try await Bench.with { bench in
                var settings = bench.settings("compute1")
                settings.options["oslo_messaging_notifications"] = ["driver": "rabbit_notifier"]
                let worker = try await bench.worker(settings)
                let probe = try await bench.probe()
                try await probe.collectEvents()
                let kombu = try await bench.kombu()
                let instance = newInstance()
                for (file, event) in [
                    ("f02-run_instance", "create.end"), ("f03-reboot_instance-soft", "reboot.end"),
                    ("f04-reboot_instance-hard", "reboot.end"), ("f05-stop_instance", "power_off.end"),
                    ("f06-start_instance", "power_on.end"), ("f07-terminate_instance", "delete.end"),
                ] {
                    let old = try Golden.instance(of: file)
                    try await kombu.cast([
                        "golden": .string("\(file).json"), "replace": [old: .string(instance)],
                        "routing_key": "compute.compute1",
                    ])
                    let count = file.hasSuffix("hard") ? 2 : 1
                    try await probe.events(
                        of: instance, until: ["compute.instance.\(event)"], counts: ["compute.instance.\(event)": count]
                    )
                }
                let events = try await probe.collected(Probe.events)
                #expect(
                    events.types == [
                        "create.start", "create.end", "reboot.start", "reboot.end", "reboot.start", "reboot.end",
                        "power_off.start", "power_off.end", "power_on.start", "power_on.end", "delete.start",
                        "shutdown.start", "shutdown.end", "delete.end",
                    ])
                #expect(events.allSatisfy { $0.instance == instance })
                // A scheduler that does not care who does it casts to the topic itself.
                let anywhere = newInstance()
                try await kombu.cast([
                    "golden": "f02-run_instance.json",
                    "replace": [try Golden.instance(of: "f02-run_instance"): .string(anywhere)],
                    "routing_key": "compute",
                ])
                let created = try await probe.events(of: anywhere, until: "compute.instance.create.end")
                #expect(created.types == ["create.start", "create.end"])
                // Folsom's form: no envelope, and none of oslo.messaging's keys.
                for event in events {
                    let body = try JSONParser.parse(event.body)
                    #expect(body["event_type"] != nil && body["oslo.message"] == nil && body["_unique_id"] == nil)
                    #expect(body["_context_auth_token"] == .null)
                }
                #expect(try await worker.stop() == .exited(0))
            }
        }

        @Test("A call is answered in two frames, a failing one in one frame without an end", .timeLimit(.minutes(5)))
        func calls() async throws {
            try await Bench.with { bench in
                _ = try await bench.worker("compute1")
                let probe = try await bench.probe()
                try await probe.collectEvents()
                let kombu = try await bench.kombu()
                let instance = newInstance()
                try await kombu.cast([
                    "golden": "f02-run_instance.json",
                    "replace": [try Golden.instance(of: "f02-run_instance"): .string(instance)],
                    "routing_key": "compute.compute1",
                ])
                try await probe.events(of: instance, until: "compute.instance.create.end")

                let file = "f08-get_console_output-call-and-reply"
                func console(of instance: String) async throws -> JSONValue {
                    try await kombu.ask([
                        "kind": "call", "golden": .string("\(file).json"),
                        "replace": [try Golden.instance(of: file): .string(instance)],
                        "routing_key": "compute.compute1",
                    ])
                }
                let answer = try await console(of: instance)
                #expect(
                    answer["ended"] == true && answer["result"]?.string?.isEmpty == false, "\(JSONWriter.text(answer))")
                let frames = answer["frames"]?.array ?? []
                #expect(frames.count == 2)
                #expect(frames.first?.object?.keys.sorted() == ["failure", "result"])
                #expect(frames.last == ["result": nil, "failure": nil, "ending": true])

                let missing = try await console(of: newInstance())
                #expect(missing["frames"]?.array?.count == 1 && missing["ended"] == false)
                #expect(missing["failure"]?["class"] == "InstanceNotFound", "\(JSONWriter.text(missing))")
                #expect(missing["failure"]?["module"] == "nova.exception")
                #expect(missing["failure"]?["kwargs"]?["code"] == 404)

                let unknown = try await kombu.ask([
                    "kind": "call", "golden": "f09-failure-unknown-method.json", "routing_key": "compute.compute1",
                ])
                #expect(unknown["failure"]?["class"] == "AttributeError", "\(JSONWriter.text(unknown))")
                #expect(unknown["failure"]?["module"] == "exceptions")
                #expect(unknown["failure"]?["message"] == "No such RPC function 'no_such_method'")
                let version = try await kombu.ask([
                    "kind": "call", "golden": "f10-failure-unsupported-version.json", "routing_key": "compute.compute1",
                ])
                #expect(version["failure"]?["class"] == "UnsupportedRpcVersion", "\(JSONWriter.text(version))")
                #expect(version["failure"]?["kwargs"] == ["version": "3.0"])
                let uptime = try await kombu.ask([
                    "kind": "call", "method": "get_host_uptime", "args": [:], "routing_key": "compute.compute1",
                ])
                #expect(uptime["result"]?.string?.contains("load average") == true, "\(JSONWriter.text(uptime))")
                #expect(uptime["ended"] == true && uptime["failure"] == .null)
                let both = uptime["frames"]?.array ?? []
                #expect(both.count == 2)
                #expect(both.first == ["result": uptime["result"] ?? .null, "failure": nil])
                #expect(both.last == ["result": nil, "failure": nil, "ending": true])
                // A method that nova's clients only cast answers a call with null and the end.
                let reboot = try await kombu.ask([
                    "kind": "call", "golden": "f03-reboot_instance-soft.json",
                    "replace": [try Golden.instance(of: "f03-reboot_instance-soft"): .string(instance)],
                    "routing_key": "compute.compute1",
                ])
                #expect(reboot["ended"] == true && reboot["result"] == .null, "\(JSONWriter.text(reboot))")
                #expect(reboot["frames"]?.array?.count == 2)
            }
        }
    }
}
