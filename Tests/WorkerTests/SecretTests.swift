// SPDX-License-Identifier: Apache-2.0

import ComputeModel
import Foundation
import TestSupport
import Testing

extension Program {
    /// Words that must be nowhere but where they are needed.
    @Suite struct SecretTests {
        @Test(
            "Passwords, tokens, files and user data stand in no log, event, report or process list",
            .timeLimit(.minutes(5)))
        func canaries() async throws {
            try await Bench.with { bench in
                let canary = "canary" + UUID().uuidString.replacing("-", with: "").lowercased()
                let secrets = (0..<6).map { "\(canary)\($0)" }
                var settings = bench.settings()
                try await bench.servers.broker.control("add_user", "u\(canary)", secrets[0])
                try await bench.servers.broker.control(
                    "set_permissions", "-p", bench.virtualHost, "u\(canary)", ".*", ".*", ".*")
                settings.transportURL = bench.url.replacing("guest:guest@", with: "u\(canary):\(secrets[0])@")
                settings = bench.counting(settings)
                settings.options["libvirt"] = ["connection_password": secrets[5]]
                let worker = try await bench.worker(settings)
                let commandLine = try String(contentsOfFile: "/proc/\(worker.pid)/cmdline", encoding: .utf8)
                let probe = try await bench.probe()
                try await probe.collectEvents()
                try await probe.collect("seen.scheduler", bindings: [("nova", "topic", "scheduler")])
                let oslo = try await bench.oslo()
                let wishes: JSONObject = [
                    "admin_password": .string(secrets[1]),
                    "injected_files": [["/etc/secret", .string(Data(secrets[2].utf8).base64EncodedString())]],
                ]
                let context: JSONValue = ["auth_token": .string(secrets[3])]
                func cast(_ method: String, _ instance: String, _ extra: JSONObject) async throws {
                    try await oslo.cast([
                        "method": .string(method), "server": "one", "context": context,
                        "prepared": ["uuid": .string(instance), "host": "one", "extra": .object(extra)],
                    ])
                }
                let instance = newInstance()
                try await cast("run_instance", instance, wishes)
                try await probe.events(of: instance, until: "compute.instance.create.end")
                // The same again fails, and its error notification repeats the arguments.
                try await cast("run_instance", instance, wishes)
                try await probe.events(of: instance, until: "run_instance")
                // So does a method with an argument that is none, user data in the instance.
                let other = newInstance()
                try await cast(
                    "reboot_instance", other,
                    [
                        "instance": ["uuid": .string(other), "user_data": .string(secrets[4]), "host": "one"],
                        "rescue_password": .string(secrets[1]), "new_pass": .string(secrets[2]),
                    ])
                try await probe.events(of: other, until: "reboot_instance")
                // What can't be taken in is put aside without them, also where it ends in the middle of one.
                try await probe.publish(
                    "{\"method\": \"x\", \"_context_auth_token\": \"\(secrets[3])\", \"new_pass\": \"\(secrets[1])",
                    to: "compute.one", exchange: "nova")
                let report = try await worker.command(["config", "show"])
                let json = try await worker.command(["config", "show", "--format", "json"])
                #expect(report.end == .exited(0) && json.end == .exited(0))
                #expect(report.output.contains("transport_url"))
                var looks: [(String, String)] = []
                for command in [
                    ["status"], ["ops", "list", "--finished", "100"], ["ops", "show", "1"], ["ops", "show", "2"],
                ] {
                    for format in ["table", "json"] {
                        let look = try await worker.command(command + ["--format", format])
                        #expect(look.end == .exited(0), "\(look)")
                        looks.append((command.joined(separator: " "), look.output + look.errors))
                    }
                }
                try await probe.collect(existing: "compute.one.dead")
                let letters = try await probe.messages("compute.one.dead", atLeast: 1, settle: 0.5)
                #expect(try await worker.stop() == .exited(0))

                let events = try await probe.collected(Probe.events)
                #expect(events.contains { $0.eventType == "run_instance" })
                let files = Data(secrets[2].utf8).base64EncodedString()
                let counters = try String(contentsOf: bench.countersFile, encoding: .utf8)
                #expect(counters.contains("compute_operations_total{operation=\"run_instance\""), "\(counters)")
                #expect(counters.contains("compute_rpc_dead_letters_total{reason=\"not-json\"} 1\n"), "\(counters)")
                let places: [(String, String)] =
                    events.map { ("event \($0.eventType)", $0.body) } + [
                        ("log", worker.log.text()), ("output", worker.output.text()), ("process list", commandLine),
                        ("config show", report.output + report.errors), ("config show json", json.output + json.errors),
                        ("counters", counters),
                    ] + looks + letters.map { ("dead letter", $0.body) }
                for (place, text) in places {
                    for secret in secrets + [files] {
                        #expect(!text.contains(secret), "\(place) has secret \(secrets.firstIndex(of: secret) ?? 2)")
                    }
                }
                // Finished requests are scrubbed from the disk as well.
                let state = worker.directory.appending(path: "state/journal")
                for file in try FileManager.default.contentsOfDirectory(atPath: state.path) {
                    let path = state.appending(path: file)
                    let mode = try FileManager.default.attributesOfItem(atPath: path.path)[.posixPermissions] as? Int
                    #expect(mode == 0o600, "\(file) has mode \(mode ?? 0)")
                    let bytes = try Data(contentsOf: path)
                    for secret in [secrets[1], files, secrets[3]] {
                        #expect(bytes.range(of: Data(secret.utf8)) == nil, "\(file) still has \(secret)")
                    }
                }
            }
        }

        @Test("A broker that refuses the password is named without it", .timeLimit(.minutes(5)))
        func refusedLogin() async throws {
            try await Bench.with { bench in
                var settings = bench.settings()
                settings.transportURL = bench.url.replacing("guest:guest@", with: "guest:canarypassword@")
                let worker = try bench.launch(settings)
                let line = await worker.log.first(within: .seconds(30)) { $0.contains("not ready") }
                #expect(line != nil)
                let call = try await worker.command(["call", "get_host_uptime", "--server", "one", "--timeout", "3"])
                #expect(call.end == .exited(69), "\(call)")
                let status = try await worker.command(["status"])
                #expect(status.end == .exited(1) && status.output.contains("not consuming"), "\(status)")
                for text in [worker.log.text(), call.output + call.errors, status.output + status.errors] {
                    #expect(!text.contains("canarypassword"))
                }
            }
        }
    }
}
