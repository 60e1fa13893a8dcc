// SPDX-License-Identifier: Apache-2.0

import ComputeModel
import Foundation
import TestSupport
import Testing

extension Program {
    /// oslo.messaging from PyPI, as nova's services of today use it.
    @Suite struct OsloTests {
        @Test(
            "Casts to the topic and to the host are done, calls are answered, and the listener hears every event",
            .timeLimit(.minutes(5)))
        func castsCallsEvents() async throws {
            try await Bench.with { bench in
                let worker = try await bench.worker()
                let listener = try await bench.client("oslo_listener.py")
                let watcher = try ChildProcess(
                    WorkerProcess.binary,
                    ["events", "--format", "json", "--count", "8", "--config-file", worker.configurationFile.path])
                try #require(
                    await watcher.errors.first(within: .seconds(30)) { $0.contains("listening") } != nil,
                    "events does not listen: \(watcher.errors.text())")
                let oslo = try await bench.oslo()
                let (first, second) = (newInstance(), newInstance())
                try await oslo.cast("run_instance", first, to: nil)
                try await oslo.cast("run_instance", second, to: "one")
                let heard = try await bench.notifications(listener, 4)
                for instance in [first, second] {
                    let events = heard.filter { $0["payload"]?["instance_id"]?.string == instance }
                    #expect(
                        events.compactMap { $0["event_type"]?.string }
                            == ["compute.instance.create.start", "compute.instance.create.end"])
                    #expect(events.last?["payload"]?["state"] == "active")
                    #expect(events.allSatisfy { $0["publisher_id"] == "compute.one" })
                }

                let console = try await oslo.call("get_console_output", first, to: "one")
                #expect(console["result"]?.string?.isEmpty == false, "\(JSONWriter.text(console))")
                let uptime = try await oslo.ask(["kind": "call", "method": "get_host_uptime", "server": "one"])
                #expect(uptime["result"]?.string != nil, "\(JSONWriter.text(uptime))")
                // A call of a method that answers nothing is answered, when it is done.
                let stop = try await oslo.call("stop_instance", first, to: "one")
                #expect(stop["result"] == .null, "\(JSONWriter.text(stop))")
                let terminated = try await oslo.call("terminate_instance", second, to: nil)
                #expect(terminated["result"] == .null && terminated["error"] == nil)

                let all = try await bench.notifications(listener, 10)
                let types = all.compactMap { $0["event_type"]?.string }.map { String($0.dropFirst(17)) }
                #expect(
                    types.suffix(6) == [
                        "power_off.start", "power_off.end", "delete.start", "shutdown.start", "shutdown.end",
                        "delete.end",
                    ])
                // The worker's own watcher saw the same and took nothing from the listener.
                #expect(try await watcher.wait() == .exited(0))
                #expect(watcher.output.lines.count == 8)
                let ids = try watcher.output.lines.map { try JSONParser.parse($0)["message_id"]?.string }
                #expect(ids == all.prefix(8).map { $0["metadata"]?["message_id"]?.string })
                #expect(try await worker.stop() == .exited(0))
            }
        }

        @Test(
            "Failures arrive as the class that the caller allows, else as RemoteError with its name",
            .timeLimit(.minutes(5)))
        func failures() async throws {
            try await Bench.with { bench in
                _ = try await bench.worker()
                let oslo = try await bench.oslo()
                let missing = newInstance()

                let unknown = try await oslo.ask(["kind": "call", "method": "no_such_method", "server": "one"])
                #expect(unknown["error"]?["exc_type"] == "NoSuchMethod", "\(JSONWriter.text(unknown))")
                #expect(unknown["error"]?["class"] == "RemoteError")

                let version = try await oslo.ask(
                    ["kind": "call", "method": "get_host_uptime", "server": "one", "version": "3.0"])
                #expect(version["error"]?["exc_type"] == "UnsupportedVersion", "\(JSONWriter.text(version))")
                let minor = try await oslo.ask(
                    ["kind": "call", "method": "get_host_uptime", "server": "one", "version": "2.3"])
                #expect(minor["error"]?["exc_type"] == "UnsupportedVersion")
                let namespace = try await oslo.ask(
                    ["kind": "call", "method": "ping", "server": "one", "version": "1.0", "namespace": "baseapi"])
                #expect(namespace["error"]?["exc_type"] == "UnsupportedVersion", "\(JSONWriter.text(namespace))")

                let remote = try await oslo.call("get_console_output", missing, to: "one")
                #expect(remote["error"]?["class"] == "RemoteError", "\(JSONWriter.text(remote))")
                #expect(remote["error"]?["exc_type"] == "InstanceNotFound")
                #expect(remote["error"]?["value"]?.string?.contains(missing) == true)

                let allowed: JSONObject = [
                    "allowed_remote_exmods": ["nova.exception", "oslo_messaging.rpc.dispatcher"]
                ]
                let itself = try await oslo.call("get_console_output", missing, to: "one", more: allowed)
                // oslo.messaging puts _Remote behind the class that it rebuilds.
                #expect(itself["error"]?["class"] == "InstanceNotFound_Remote", "\(JSONWriter.text(itself))")
                #expect(itself["error"]?["bases"]?.array?.contains("nova.exception.InstanceNotFound") == true)
                let dispatcher = try await oslo.ask([
                    "kind": "call", "method": "no_such_method", "server": "one",
                    "allowed_remote_exmods": ["oslo_messaging.rpc.dispatcher"],
                ])
                #expect(
                    dispatcher["error"]?["bases"]?.array?.contains("oslo_messaging.rpc.dispatcher.NoSuchMethod")
                        == true,
                    "\(JSONWriter.text(dispatcher))")
                // A method that changes something is journaled, and its failure comes back all the same.
                let reboot = try await oslo.call("reboot_instance", missing, to: "one")
                #expect(reboot["error"]?["exc_type"] == "InstanceNotFound", "\(JSONWriter.text(reboot))")
                let gone = try await oslo.call("terminate_instance", missing, to: "one")
                #expect(gone["error"] == nil, "\(JSONWriter.text(gone))")
                // TypeError may be rebuilt by anybody: it is Python's own.
                let arguments = try await oslo.ask([
                    "kind": "call", "method": "reboot_instance", "server": "one", "args": [:],
                ])
                #expect(
                    arguments["error"]?["bases"]?.array?.contains("builtins.TypeError") == true
                        || arguments["error"]?["class"] == "TypeError", "\(JSONWriter.text(arguments))")
            }
        }
    }
}

extension Bench {
    /// What an oslo listener has heard, when it is at least so much.
    func notifications(
        _ listener: PythonClient, _ count: Int, within limit: Duration = .seconds(60),
        sourceLocation: SourceLocation = #_sourceLocation
    ) async throws -> [JSONValue] {
        let last = await listener.process.output.first(from: count, within: limit) { _ in true }
        let lines = listener.process.output.lines.dropFirst()
        try #require(
            last != nil, "\(lines.count) of \(count) notifications came: \(lines.joined(separator: "\n"))",
            sourceLocation: sourceLocation)
        return try lines.map { try JSONParser.parse($0) }
    }
}
