// SPDX-License-Identifier: Apache-2.0

import ComputeModel
import Foundation
import Glibc
import TestSupport
import Testing

extension Program {
    /// The services of a Folsom deployment, asked by the program itself through a real broker.
    @Suite struct PeerTests {
        private static let volume = "1d0f5a8e-3b63-4c1c-8d55-1f6c1d1a00aa"

        private func settings(_ bench: Bench, timeout: Int = 30) -> WorkerProcess.Settings {
            var settings = bench.settings()
            settings.options["DEFAULT"] = ["rpc_response_timeout": String(timeout)]
            settings.options["compute_worker"] = [
                "network_api": "rpc", "volume_api": "rpc", "consoleauth": "rpc", "volume_host": "volumes1",
            ]
            return settings
        }

        /// The arguments of a recorded build with a volume that goes with the instance.
        private func volumes(_ instance: String) throws -> JSONObject {
            let body = try JSONParser.parse(try Golden.body("f02-run_instance"))
            var spec = body["args"]?["request_spec"]?.object ?? JSONObject()
            spec["instance_uuids"] = [.string(instance)]
            spec["block_device_mapping"] = [
                ["volume_id": .string(Self.volume), "device_name": "vdb", "delete_on_termination": true]
            ]
            return ["request_spec": .object(spec)]
        }

        @Test(
            "A build and a delete ask nova-network, nova-volume and nova-consoleauth as nova's compute does",
            .timeLimit(.minutes(3)), arguments: ["flat", "oslo"])
        func asked(form: String) async throws {
            try await Bench.with { bench in
                let peers = try await bench.client("peers.py", ["--form", form])
                var settings = settings(bench)
                settings.options["compute_worker"]?["peer_message_format"] = form == "flat" ? "flat" : "enveloped"
                let worker = try await bench.worker(settings)
                let probe = try await bench.probe()
                try await probe.collectEvents()
                let oslo = try await bench.oslo()
                let instance = newInstance()
                try await oslo.cast("run_instance", instance, to: "one", extra: try volumes(instance))
                let built = try await probe.events(of: instance, until: "compute.instance.create.end")
                let addresses = built.last?.payload["fixed_ips"]?.array
                #expect(addresses?.first?["address"] == "192.0.2.7" && addresses?.first?["label"] == "private")
                try await oslo.cast("terminate_instance", instance, to: "one")
                try await probe.events(of: instance, until: "compute.instance.delete.end")
                _ = try await OpsTests.list(worker, untilEmpty: true)

                let calls = try await peers.ask(["do": "calls"])["calls"]?.array ?? []
                let number = JSONValue(Int(instance.prefix(7), radix: 16))
                let connector = calls.first { $0["message"]?["method"] == "initialize_connection" }?["message"]?["args"]?[
                    "connector"]
                #expect(connector?["host"]?.string?.isEmpty == false && connector?["ip"]?.string?.isEmpty == false)
                let project: JSONValue = calls.first?["message"]?["args"]?["project_id"] ?? .null
                let factor: JSONValue = calls.first?["message"]?["args"]?["rxtx_factor"] ?? .null
                let expected: [(String, String, JSONValue)] = [
                    (
                        "network", "allocate_for_instance",
                        [
                            "instance_id": number, "instance_uuid": .string(instance), "project_id": project,
                            "host": "one", "rxtx_factor": factor, "requested_networks": nil, "vpn": false,
                        ]
                    ),
                    (
                        "volume.volumes1", "initialize_connection",
                        ["volume_id": .string(Self.volume), "connector": connector ?? .null]
                    ),
                    (
                        "volume.volumes1", "attach_volume",
                        [
                            "volume_id": .string(Self.volume), "instance_uuid": .string(instance),
                            "mountpoint": "/dev/vdb",
                        ]
                    ),
                    (
                        "network", "get_instance_nw_info",
                        [
                            "instance_id": number, "instance_uuid": .string(instance), "rxtx_factor": factor,
                            "host": "one", "project_id": project,
                        ]
                    ),
                    (
                        "network", "deallocate_for_instance",
                        ["instance_id": number, "project_id": project, "host": "one"]
                    ),
                    (
                        "volume.volumes1", "terminate_connection",
                        ["volume_id": .string(Self.volume), "connector": connector ?? .null]
                    ),
                    ("volume.volumes1", "detach_volume", ["volume_id": .string(Self.volume)]),
                    ("volume.volumes1", "delete_volume", ["volume_id": .string(Self.volume)]),
                    ("consoleauth", "delete_tokens_for_instance", ["instance_uuid": .string(instance)]),
                ]
                #expect(calls.map { $0["message"]?["method"]?.string ?? "" } == expected.map(\.1))
                for (call, (topic, method, arguments)) in zip(calls, expected) {
                    let heard = form == "flat" ? topic : String(topic.prefix { $0 != "." })
                    #expect(call["topic"] == .string(heard), "\(method)")
                    #expect(call["message"]?["args"] == arguments, "\(JSONWriter.text(call["message"]?["args"] ?? nil))")
                    let message = call["message"]?.object ?? JSONObject()
                    #expect(message["_context_project_id"]?.string?.isEmpty == false)
                    if form != "flat" { continue }
                    // Folsom asks network and volume without a version, and knows no key of oslo.messaging's.
                    #expect(message["version"] == (topic == "consoleauth" ? "1.0" : nil))
                    #expect(message["_unique_id"] == nil && message["_reply_q"] == nil)
                    #expect((message["_msg_id"] == nil) == (method == "delete_volume"))
                }
                let show = try await worker.command(["ops", "show", "2", "--format", "json"])
                let traces = try JSONParser.parse(show.output)["peer_calls"]?.array ?? []
                #expect(traces.compactMap { $0["method"]?.string } == expected.dropFirst(3).map(\.1))
                #expect(traces.allSatisfy { $0["outcome"] == "ok" && $0["ended_at"]?.string != nil })
                #expect(!worker.log.text().contains("CHAP-CANARY") && !show.output.contains("CHAP-CANARY"))
                #expect(try await worker.stop() == .exited(0))
            }
        }

        @Test(
            "Where nobody answers, a build comes to its clear end in the stated time, and ops show tells who was silent",
            .timeLimit(.minutes(3)))
        func silence() async throws {
            try await Bench.with { bench in
                let worker = try await bench.worker(settings(bench, timeout: 2))
                let probe = try await bench.probe()
                try await probe.collectEvents()
                // It hears what it is asked, and says nothing.
                try await probe.collect("network", bindings: [("nova", "topic", "network")])
                let oslo = try await bench.oslo()
                let instance = newInstance()
                let noRetry: JSONObject = ["filter_properties": .object(JSONObject())]
                try await oslo.cast("run_instance", instance, to: "one", extra: noRetry)
                let events = try await probe.events(of: instance, until: "run_instance")
                let text = "The network service did not answer allocate_for_instance within 2 s; whether it was done is not "
                    + "known."
                #expect(events.contains { $0.eventType == "run_instance" && $0.body.contains(text) })
                _ = try await OpsTests.list(worker, untilEmpty: true)
                let table = try await worker.command(["ops", "show", "1"])
                #expect(table.output.contains("network allocate_for_instance"), "\(table)")
                #expect(table.output.contains(text), "\(table)")
                #expect(table.output.contains("network deallocate_for_instance"), "\(table)")
                let row = try JSONParser.parse(
                    try await worker.command(["ops", "show", "1", "--format", "json"]).output)
                #expect(row["state"] == "failed" && row["last_error"] == .string(text))
                #expect(row["resources"]?.array?.contains { $0["kind"] == "network" } == true)
                #expect(try await worker.stop() == .exited(0))
            }
        }

        @Test("An address comes from nova-network and goes back to it, and the caller is told", .timeLimit(.minutes(3)))
        func addresses() async throws {
            try await Bench.with { bench in
                let peers = try await bench.client("peers.py")
                let tracing = try await Tracing.begin(bench, try await bench.probe())
                let worker = try await bench.worker(settings(bench))
                let oslo = try await bench.oslo()
                let instance = newInstance()
                let built = try await oslo.call("run_instance", instance, to: "one")
                #expect(built["error"] == nil, "\(JSONWriter.text(built))")
                let changes: [(String, JSONObject)] = [
                    ("add_fixed_ip_to_instance", ["network_id": 1]),
                    ("remove_fixed_ip_from_instance", ["address": "192.0.2.7"]),
                ]
                var answers: [String: JSONValue] = [:]
                for (method, arguments) in changes {
                    answers[method] = try await oslo.call(method, instance, to: "one", extra: arguments)
                    let asked = try await peers.ask(["do": "calls"])["calls"]?.array?.last { call in
                        call["message"]?["method"] == .string(method)
                    }
                    let number = JSONValue(Int(instance.prefix(7), radix: 16))
                    var expected: JSONObject = ["instance_id": number, "host": "one"]
                    for member in arguments.members { expected[member.key] = member.value }
                    #expect(asked?["message"]?["args"] == .object(expected), "\(method)")
                }
                try await bench.hold(answers, by: .addressed)
                #expect(try await worker.stop() == .exited(0))
                try await tracing.hold(atLeast: 4, by: .addressed)
            }
        }

        /// Instructions that end in a peer's silence are told by an event of this name.
        private struct Silence: CustomTestStringConvertible, Sendable {
            let peer: String
            let method: String
            let event: String
            var testDescription: String { peer }

            static let all = [
                Silence(peer: "volume", method: "initialize_connection", event: "run_instance"),
                Silence(peer: "consoleauth", method: "delete_tokens_for_instance", event: "terminate_instance"),
            ]
        }

        @Test(
            "A volume or console service that keeps silent ends the work in the stated time, and ops show tells it",
            .timeLimit(.minutes(3)), arguments: Silence.all)
        private func silentService(_ silence: Silence) async throws {
            try await Bench.with { bench in
                var settings = bench.settings()
                settings.options["DEFAULT"] = ["rpc_response_timeout": "2"]
                settings.options["compute_worker"] =
                    silence.peer == "volume" ? ["volume_api": "rpc", "volume_host": "volumes1"] : ["consoleauth": "rpc"]
                // Somebody has the queue and says nothing.
                let probe = try await bench.probe()
                let topic = silence.peer == "volume" ? "volume.volumes1" : "consoleauth"
                try await probe.collect("seen.peer", bindings: [("nova", "topic", topic)])
                try await probe.collectEvents()
                let worker = try await bench.worker(settings)
                let oslo = try await bench.oslo()
                let instance = newInstance()
                var spec: JSONObject = ["filter_properties": .object(JSONObject())]
                if silence.peer == "volume" { spec["request_spec"] = try volumes(instance)["request_spec"] }
                try await oslo.cast("run_instance", instance, to: "one", extra: spec)
                if silence.peer == "consoleauth" {
                    try await probe.events(of: instance, until: "compute.instance.create.end")
                    try await oslo.cast("terminate_instance", instance, to: "one")
                }
                let events = try await probe.events(of: instance, until: silence.event)
                let text = "The \(silence.peer) service did not answer \(silence.method) within 2 s; "
                    + "whether it was done is not known."
                #expect(events.contains { $0.eventType == silence.event && $0.body.contains(text) })
                _ = try await OpsTests.list(worker, untilEmpty: true)
                let row = silence.peer == "volume" ? "1" : "2"
                let table = try await worker.command(["ops", "show", row])
                #expect(table.output.contains("\(silence.peer) \(silence.method)"), "\(table)")
                let json = try JSONParser.parse(
                    try await worker.command(["ops", "show", row, "--format", "json"]).output)
                #expect(json["state"] == "failed" && json["last_error"] == .string(text), "\(JSONWriter.text(json))")
                let asked = try await probe.messages("seen.peer", atLeast: 1)
                #expect(asked.first?.message["method"] == .string(silence.method))
                #expect(try await worker.stop() == .exited(0))
            }
        }

        @Test(
            "A worker asks the worker of another host, hears its answer, and comes to an end where it stands still",
            .timeLimit(.minutes(3)))
        func computes() async throws {
            try await Bench.with { bench in
                var settings = bench.settings()
                settings.options["DEFAULT"] = ["rpc_response_timeout": "3"]
                let source = try await bench.worker(settings)
                settings.host = "two"
                let destination = try await bench.worker(settings)
                let oslo = try await bench.oslo()
                let instance = newInstance()
                let built = try await oslo.call("run_instance", instance, to: "one")
                #expect(built["error"] == nil, "\(JSONWriter.text(built))")
                func check() async throws -> JSONValue {
                    try await oslo.ask([
                        "kind": "call", "method": "check_can_live_migrate_destination", "server": "two", "timeout": 30,
                        "prepared": [
                            "uuid": .string(instance), "host": "one",
                            "extra": ["block_migration": false, "disk_over_commit": false],
                        ],
                    ])
                }
                let answered = try await check()
                #expect(answered["error"] == nil && answered["result"]?.object != nil, "\(JSONWriter.text(answered))")
                source.kill(SIGSTOP)
                let silent = try await check()
                let told = silent["error"]?["value"]?.string ?? ""
                #expect(
                    told.contains("check_can_live_migrate_source") && told.contains("within 3 s"),
                    "\(JSONWriter.text(silent))")
                source.kill(SIGCONT)
                for (row, outcome) in [("1", "ok"), ("2", "")] {
                    let show = try JSONParser.parse(
                        try await destination.command(["ops", "show", row, "--format", "json"]).output)
                    let call = try #require(show["peer_calls"]?.array?.first, "\(JSONWriter.text(show))")
                    #expect(call["method"] == "check_can_live_migrate_source" && call["ended_at"]?.string != nil)
                    #expect((call["outcome"] == "ok") == (outcome == "ok"), "\(JSONWriter.text(call))")
                }
                for worker in [source, destination] { #expect(try await worker.stop() == .exited(0)) }
            }
        }

        @Test("A refusal of nova-network is told by its kind, what it quotes is not", .timeLimit(.minutes(3)))
        func refusal() async throws {
            try await Bench.with { bench in
                let peers = try await bench.client("peers.py")
                let worker = try await bench.worker(settings(bench))
                let probe = try await bench.probe()
                try await probe.collectEvents()
                let oslo = try await bench.oslo()
                for (name, module, kind, says) in [
                    ("NoMoreFixedIps", "nova.exception", "computeResourcesUnavailable", true),
                    ("ProcessExecutionError", "nova.exception", "internalError", false),
                ] {
                    _ = try await peers.ask([
                        "do": "fail", "method": "allocate_for_instance", "class": .string(name),
                        "module": .string(module), "message": "Zero fixed ips available, QUOTED-CANARY.",
                    ])
                    let instance = newInstance()
                    let noRetry: JSONObject = ["filter_properties": .object(JSONObject())]
                    try await oslo.cast("run_instance", instance, to: "one", extra: noRetry)
                    let event = try #require(
                        try await probe.events(of: instance, until: "run_instance").last { $0.eventType == "run_instance" })
                    #expect(event.body.contains(kind), "\(event.body.prefix(2000))")
                    #expect(event.body.contains("QUOTED-CANARY") == says)
                    #expect(event.body.contains(name) || says)
                }
                #expect(try await worker.stop() == .exited(0))
            }
        }

        @Test(
            "A volume that is a file of the host is had by one instance at a time, and deleted with it",
            .timeLimit(.minutes(3)))
        func localVolumes() async throws {
            try await Bench.with { bench in
                let directory = bench.directory.appending(path: "volumes")
                try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
                let file = directory.appending(path: Self.volume)
                try Data(count: 1024).write(to: file)
                var settings = bench.settings()
                settings.options["compute_worker"] = ["volume_api": "local", "local_volumes_path": directory.path]
                let worker = try await bench.worker(settings)
                let probe = try await bench.probe()
                try await probe.collectEvents()
                let oslo = try await bench.oslo()
                let (first, second) = (newInstance(), newInstance())
                try await oslo.cast("run_instance", first, to: "one", extra: try volumes(first))
                try await probe.events(of: first, until: "compute.instance.create.end")
                var spec = try volumes(second)
                spec["filter_properties"] = .object(JSONObject())
                try await oslo.cast("run_instance", second, to: "one", extra: spec)
                let refused = try await probe.events(of: second, until: "run_instance")
                #expect(refused.last?.body.contains("is attached to another instance") == true)
                try await oslo.cast("terminate_instance", second, to: "one")
                try await probe.events(of: second, until: "compute.instance.delete.end")
                #expect(FileManager.default.fileExists(atPath: file.path), "a volume of another's was deleted")
                #expect(FileManager.default.fileExists(atPath: file.path + ".attached"))
                try await oslo.cast("terminate_instance", first, to: "one")
                try await probe.events(of: first, until: "compute.instance.delete.end")
                #expect(try FileManager.default.contentsOfDirectory(atPath: directory.path).isEmpty)
                #expect(try await worker.stop() == .exited(0))
            }
        }
    }
}
