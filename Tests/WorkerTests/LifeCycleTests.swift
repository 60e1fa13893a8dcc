// SPDX-License-Identifier: Apache-2.0

import ComputeModel
import Foundation
import Glibc
import TestSupport
import Testing

extension Program {
    /// How the program begins and ends, and what it says when it can't.
    @Suite struct LifeCycleTests {
        typealias Run = (end: ChildProcess.End, output: String, errors: String)

        private static func run(_ arguments: String...) async throws -> Run {
            try await ChildProcess.run(WorkerProcess.binary, arguments)
        }

        @Test("Every command's help has an example", .timeLimit(.minutes(2)))
        func help() async throws {
            let all = try await Self.run("--help")
            #expect(all.end == .exited(0))
            for command in [
                [], ["run"], ["cast"], ["call"], ["events"], ["drivers"], ["api"], ["config", "show"],
                ["config", "sample"], ["status"], ["ops", "list"],
                ["ops", "show"], ["ops", "cancel"],
            ] {
                let help = try await ChildProcess.run(WorkerProcess.binary, command + ["--help"])
                #expect(help.end == .exited(0))
                #expect(
                    help.output.contains("Example:")
                        && help.output.contains("  compute-worker \(command.joined(separator: " "))"),
                    "\(command): \(help.output)")
                if let name = command.first { #expect(all.output.contains(name)) }
            }
            #expect(try await Self.run("no-such-command").end == .exited(64))
            #expect(try await Self.run("run", "--no-such-option").end == .exited(64))
        }

        @Test("Drivers and methods are listed, for people and for programs", .timeLimit(.minutes(2)))
        func lists() async throws {
            let drivers = try await Self.run("drivers")
            #expect(drivers.end == .exited(0))
            #expect(drivers.output.contains("libvirt.LibvirtDriver") && drivers.output.contains("fake.FakeDriver"))
            _ = try JSONParser.parse(try await Self.run("drivers", "--format", "json").output)
            let methods = try JSONParser.parse(try await Self.run("api", "--format", "json").output)
            let names = Set((methods.array ?? []).compactMap { $0["method"]?.string })
            #expect(names.isSuperset(of: ["run_instance", "get_console_output"]))
            let page = try await Self.run("api", "--format", "markdown")
            let document = PythonClient.projectDirectory.appending(path: "docs/API.md")
            #expect(page.output.trimmingCharacters(in: .newlines)
                == (try String(contentsOf: document, encoding: .utf8)).trimmingCharacters(in: .newlines))
            #expect(try await Self.run("methods").output.contains("run_instance"))
            let sample = try await Self.run("config", "sample")
            let file = PythonClient.projectDirectory.appending(path: "docs/nova.conf.sample")
            #expect(sample.output == (try String(contentsOf: file, encoding: .utf8)).trimmingCharacters(in: .newlines))
        }

        @Test("A wrong configuration ends with 78 and says what is allowed", .timeLimit(.minutes(2)))
        func wrongConfiguration() async throws {
            try await Bench.with { bench in
                func fails(_ change: (inout WorkerProcess.Settings) -> Void, _ words: String...) async throws {
                    var settings = bench.settings("wrong")
                    change(&settings)
                    let worker = try bench.launch(settings)
                    #expect(try await worker.wait() == .exited(78))
                    for word in words { #expect(worker.log.text().contains(word), "\(word): \(worker.log.text())") }
                    let show = try await worker.command(["config", "show"])
                    #expect(show.end == .exited(78))
                    for word in words { #expect((show.output + show.errors).contains(word), "config show: \(word)") }
                }
                try await fails(
                    { $0.driver = "xenapi.XenAPIDriver" }, "compute_driver", "libvirt.LibvirtDriver", "fake.FakeDriver")
                try await fails(
                    { $0.options["DEFAULT"] = ["rpc_response_timeout": "soon"] }, "rpc_response_timeout", "nova.conf",
                    "integer from 1 to 86400")
                try await fails({ $0.options["libvirt"] = ["virt_type": "xen"] }, "virt_type", "kvm", "qemu")
                try await fails({ $0.transportURL = "http://somewhere" }, "transport_url")
                let absent = try await Self.run("run", "--config-file", "/no/such/file")
                #expect(absent.end == .exited(78) && absent.errors.contains("/no/such/file"))
            }
        }

        @Test("SIGTERM ends the worker with 0 when its work is done and told", .timeLimit(.minutes(3)))
        func signals() async throws {
            try await Bench.with { bench in
                let worker = try await bench.worker()
                let probe = try await bench.probe()
                try await probe.collectEvents()
                let oslo = try await bench.oslo()
                let instances = (0..<20).map { _ in newInstance() }
                for instance in instances { try await oslo.cast("run_instance", instance, to: "one") }
                for instance in instances { try await probe.events(of: instance, until: "compute.instance.create.end") }
                worker.kill(SIGTERM)
                #expect(try await worker.wait() == .exited(0), "\(worker.log.text(last: 5))")
                #expect(worker.log.lines.suffix(5).contains { $0.contains("stopped") }, "\(worker.log.text(last: 3))")
                #expect(try await probe.depth("compute.one") == 0)
                #expect(try await probe.collected(Probe.events).count == 40)

                let again = try await bench.again(worker)
                #expect(try await again.stop() == .exited(0))
            }
        }

        @Test("A state directory has one worker; the second refuses with a sentence", .timeLimit(.minutes(2)))
        func twice() async throws {
            try await Bench.with { bench in
                let first = try await bench.worker()
                let second = try bench.launch(bench.settings())
                let end = try await second.wait()
                #expect(end == .exited(69), "\(end)")
                #expect(second.log.text().contains("another worker uses the state directory"), "\(second.log.text())")
                #expect(first.end == nil)
                let uptime = try await first.command(["call", "get_host_uptime", "--server", "one"])
                #expect(uptime.end == .exited(0))
                #expect(try await first.stop() == .exited(0))
            }
        }

        @Test("A worker whose broker is not there yet waits for it", .timeLimit(.minutes(2)))
        func brokerLater() async throws {
            try await Bench.with { bench in
                var settings = bench.settings()
                settings.transportURL = "rabbit://guest:guest@127.0.0.1:1/"
                let worker = try bench.launch(settings)
                let line = await worker.log.first(within: .seconds(30)) { $0.contains("not ready") }
                #expect(line != nil, "\(worker.log.text())")
                #expect(worker.end == nil)
                #expect(try await worker.stop() == .exited(0), "\(worker.log.text(last: 10))")
            }
        }
    }
}
