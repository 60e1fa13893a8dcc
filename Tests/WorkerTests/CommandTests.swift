// SPDX-License-Identifier: Apache-2.0

import ComputeModel
import Foundation
import Glibc
import TestSupport
import Testing

extension Program {
    /// The program's own client commands, against the program.
    @Suite struct CommandTests {
        @Test("cast, call and events work together, and their statuses say what happened", .timeLimit(.minutes(5)))
        func commands() async throws {
            try await Bench.with { bench in
                var settings = bench.settings()
                settings.options["compute_worker"] = ["counters_file": "/nonexistent/counters.prom"]
                let worker = try await bench.worker(settings)
                // Both in words, on one line each; neither ends the worker.
                worker.kill(SIGUSR1)
                try #require(await worker.log.first(within: .seconds(30)) { $0.contains(" counter compute_") } != nil)
                let unwritten = await worker.log.first(within: .seconds(30)) { $0.contains("counters can't be written") }
                #expect(unwritten?.contains("error=No such file or directory") == true, "\(unwritten ?? "none")")
                let events = try ChildProcess(
                    WorkerProcess.binary, ["events", "--config-file", worker.configurationFile.path])
                try #require(await events.errors.first(within: .seconds(30)) { $0.contains("listening") } != nil)
                let arguments = try JSONParser.parse(try Golden.body("f02-run_instance"))["args"] ?? .null
                let instance = try #require(arguments["instance"]?["uuid"]?.string)
                let file = bench.directory.appending(path: "arguments.json")
                try Data(JSONWriter.text(arguments).utf8).write(to: file)
                let alone = bench.directory.appending(path: "instance.json")
                try Data(JSONWriter.text(["instance": arguments["instance"] ?? .null]).utf8).write(to: alone)

                let cast = try await worker.command([
                    "cast", "run_instance", "--server", "one", "--args-file", file.path,
                ])
                #expect(cast.end == .exited(0), "\(cast)")
                #expect(cast.output == "run_instance sent to compute.one")
                let end = await events.output.first(within: .seconds(60)) { $0.contains("compute.instance.create.end") }
                #expect(end?.contains(instance) == true && end?.contains("active") == true, "\(end ?? "none")")

                let call = try await worker.command(["call", "get_host_uptime", "--server", "one"])
                #expect(call.end == .exited(0) && !call.output.isEmpty, "\(call)")
                let json = try await worker.command(["call", "get_host_uptime", "--format", "json", "--flat"])
                #expect(try JSONParser.parse(json.output)["result"]?.string == call.output, "\(json)")
                let console = try await worker.command(
                    ["call", "get_console_output", "--server", "one", "--args-file", alone.path])
                #expect(console.end == .exited(0) && !console.output.isEmpty, "\(console)")

                // Nothing but the end of a pipe says how long it is.
                let piped = try await ChildProcess.run(
                    URL(filePath: "/bin/sh"),
                    [
                        "-c", #"cat "$2" | "$1" call get_console_output --server one --args-file - --config-file "$3""#,
                        "sh", WorkerProcess.binary.path, alone.path, worker.configurationFile.path,
                    ])
                #expect(piped.end == .exited(0) && piped.output == console.output, "\(piped)")
                let absent = try await worker.command(["cast", "reboot_instance", "--args-file", "/nonexistent/a.json"])
                #expect(absent.end == .exited(64) && absent.errors.contains("No such file"), "\(absent)")

                let failing = try await worker.command(["call", "no_such_method", "--server", "one"])
                #expect(failing.end == .exited(1) && failing.output.isEmpty)
                #expect(
                    failing.errors.contains("NoSuchMethod") || failing.errors.contains("no_such_method"),
                    "\(failing.errors)")
                let missing = try await worker.command(
                    [
                        "call", "get_console_output", "--server", "one", "--args",
                        "{\"instance\": {\"uuid\": \"\(newInstance())\"}}",
                    ])
                #expect(missing.end == .exited(1), "\(missing)")

                let nobody = try await worker.command([
                    "call", "get_host_uptime", "--server", "nobody", "--timeout", "2",
                ])
                #expect(nobody.end == .exited(69) && nobody.errors.contains("compute.nobody"), "\(nobody)")
                let nowhere = try await worker.command(["cast", "reboot_instance", "--server", "nobody"])
                #expect(nowhere.end == .exited(69) && nowhere.errors.contains("compute.nobody"), "\(nowhere)")
                let wrong = try await worker.command(["cast", "reboot_instance", "--args", "[]"])
                #expect(wrong.end == .exited(64) && wrong.errors.contains("--args"), "\(wrong)")
                let both = try await worker.command(["cast", "reboot_instance", "--args", "{}", "--args-file", "x"])
                #expect(both.end == .exited(64))

                let filtered = try ChildProcess(
                    WorkerProcess.binary,
                    [
                        "events", "--type", "compute.instance.power_off", "--instance", instance, "--count", "2",
                        "--format",
                        "json", "--config-file", worker.configurationFile.path,
                    ])
                try #require(await filtered.errors.first(within: .seconds(30)) { $0.contains("listening") } != nil)
                for method in ["reboot_instance", "stop_instance"] {
                    let sent = try await worker.command(["cast", method, "--server", "one", "--args-file", alone.path])
                    #expect(sent.end == .exited(0), "\(sent)")
                }
                #expect(try await filtered.wait() == .exited(0))
                let types = try filtered.output.lines.map { try JSONParser.parse($0)["event_type"]?.string }
                #expect(types == ["compute.instance.power_off.start", "compute.instance.power_off.end"])
                let odd = try await worker.command(["events", "--instance", "zzz"])
                #expect(odd.end == .exited(64) && odd.errors.contains("no uuid"), "\(odd)")
                events.kill(15)
                let ended = try await events.wait()
                #expect(ended == .killed(signal: 15), "\(ended)")
            }
        }

        @Test("What finds no broker ends with 69 before its time is over, and names the cause and what to look at",
            .timeLimit(.minutes(2)))
        func noBroker() async throws {
            try await Bench.with { bench in
                var settings = bench.settings()
                settings.transportURL = "rabbit://guest:guest@127.0.0.1:1/"
                let nobody = try Self.configuration(settings, bench)
                for command in [["cast", "reboot_instance"], ["call", "get_host_uptime"]] {
                    // Half of what a cast waits for its confirm.
                    let run = try await ChildProcess.run(
                        WorkerProcess.binary, command + ["--config-file", nobody], within: .seconds(15))
                    #expect(run.end == .exited(69), "\(run)")
                    #expect(run.errors.contains("127.0.0.1:1: Connection refused"), "\(run)")
                    #expect(run.errors.contains("transport_url") && !run.errors.contains("--timeout"), "\(run)")
                }
                settings.transportURL = bench.url.replacing("guest:guest", with: "guest:canaryword")
                let refused = try Self.configuration(settings, bench)
                let run = try await ChildProcess.run(
                    WorkerProcess.binary, ["cast", "reboot_instance", "--config-file", refused], within: .seconds(15))
                #expect(run.end == .exited(69) && run.errors.contains("ACCESS_REFUSED"), "\(run)")
                #expect(!run.errors.contains("canaryword"))
            }
        }

        private static func configuration(_ settings: WorkerProcess.Settings, _ bench: Bench) throws -> String {
            try WorkerProcess.writeConfiguration(settings, in: bench.directory).path
        }
    }
}
