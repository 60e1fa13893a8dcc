// SPDX-License-Identifier: Apache-2.0

import ComputeModel
import Foundation
import Glibc
import TestSupport
import Testing

extension Program {
    /// What nobody should send.
    @Suite struct BadInputTests {
        /// A message, how it is published, and the reason that its dead letter gives.
        static let refused: [(name: String, command: JSONObject, reason: String)] = [
            ("cut-off JSON", ["text": "{\"method\": "], "not-json"),
            ("nothing", ["text": ""], "not-json"),
            ("invalid UTF-8", ["hex": "7b226d6574686f64223a22ff227d"], "not-json"),
            ("10,000 levels", ["head": "{\"method\":\"x\",\"args\":", "fill": ["[", 10000]], "not-json"),
            ("an array", ["text": "[1, 2]"], "not-an-object"),
            ("a text", ["text": "\"run_instance\""], "not-an-object"),
            ("an unknown envelope", ["text": "{\"oslo.version\": \"9.0\", \"oslo.message\": \"{}\"}"], "bad-envelope"),
            ("an envelope of a number", ["text": "{\"oslo.version\": \"2.0\", \"oslo.message\": 5}"], "bad-envelope"),
            ("an envelope of no JSON", ["text": "{\"oslo.version\": \"2.0\", \"oslo.message\": \"{\"}"], "not-json"),
            ("no method", ["text": "{\"args\": {}, \"version\": \"2.0\"}"], "no-method"),
            (
                "an unknown method", ["text": "{\"method\": \"no_such\", \"args\": {}, \"version\": \"2.0\"}"],
                "unknown-method"
            ),
            (
                "a private method", ["text": "{\"method\": \"_run\", \"args\": {}, \"version\": \"2.0\"}"],
                "unknown-method"
            ),
            (
                "version 3.0", ["text": "{\"method\": \"run_instance\", \"args\": {}, \"version\": \"3.0\"}"],
                "unsupported-version"
            ),
            ("no version", ["text": "{\"method\": \"run_instance\", \"args\": {}}"], "unsupported-version"),
            (
                "5 MiB", ["head": "{\"method\":\"run_instance\",\"x\":\"", "fill": ["x", 5_242_880], "tail": "\"}"],
                "too-large"
            ),
        ]

        @Test("What can't be taken in is put aside with its reason, and the worker serves on", .timeLimit(.minutes(5)))
        func deadLetters() async throws {
            try await Bench.with { bench in
                let worker = try await bench.worker()
                let probe = try await bench.probe()
                for message in Self.refused {
                    var more = message.command
                    more["text"] = nil
                    try await probe.publish(
                        message.command["text"]?.string ?? "", to: "compute.one", exchange: "nova", more: more)
                }
                try await probe.collect(existing: "compute.one.dead")
                let dead = try await probe.messages("compute.one.dead", atLeast: Self.refused.count, settle: 0.5)
                #expect(dead.count == Self.refused.count)
                #expect(
                    dead.map { $0.headers["x-reason"]?.string }.sorted { ($0 ?? "") < ($1 ?? "") }
                        == Self.refused.map(\.reason).sorted())
                #expect(dead.allSatisfy { $0.size <= 4096 })
                let large = try #require(dead.first { $0.headers["x-reason"] == "too-large" })
                #expect(large.headers["x-size"]?.string.flatMap { Int($0) } ?? 0 > 5_242_880)
                #expect(large.size == 4096 && large.body.hasPrefix("{\"method\":\"run_instance\""))

                try await Self.serves(bench)
                worker.kill(SIGUSR2)
                for reason in Set(Self.refused.map(\.reason)) {
                    let count = Self.refused.filter { $0.reason == reason }.count
                    let line = await worker.log.first(within: .seconds(10)) {
                        $0.contains("compute_rpc_dead_letters_total{") && $0.contains(reason)
                    }
                    #expect(line?.hasSuffix(" \(count)") == true, "\(reason): \(line ?? "not told")")
                }
            }
        }

        @Test(
            "A call that can't be taken in is answered with its failure, and nothing is put aside",
            .timeLimit(.minutes(5)))
        func failureReplies() async throws {
            try await Bench.with { bench in
                _ = try await bench.worker()
                let probe = try await bench.probe()
                let kombu = try await bench.kombu()
                func call(_ body: JSONObject) async throws -> JSONValue {
                    try await kombu.ask(
                        ["kind": "call", "body": .object(body), "routing_key": "compute.one", "timeout": 10])
                }
                let unknown = try await call(["method": "_private", "args": [:], "version": "2.0"])
                #expect(unknown["failure"]?["class"] == "AttributeError", "\(JSONWriter.text(unknown))")
                let version = try await call(["method": "run_instance", "args": [:], "version": "2.9"])
                #expect(version["failure"]?["class"] == "UnsupportedRpcVersion", "\(JSONWriter.text(version))")
                let word = try await call(["method": "run_instance", "args": [:], "version": "abc"])
                #expect(word["failure"]?["class"] == "ValueError", "\(JSONWriter.text(word))")
                let short = try await call(["method": "run_instance", "args": [:], "version": "2"])
                #expect(short["failure"]?["class"] == "IndexError", "\(JSONWriter.text(short))")
                let wrong: [(JSONValue, String)] = [
                    ([:], "TypeError"), (["instance": 5], "TypeError"), (["instance": [:]], "Invalid"),
                    (["instance": ["uuid": "../../etc"]], "Invalid"), (["instance": ["uuid": 7]], "Invalid"),
                ]
                for (arguments, name) in wrong {
                    let answer = try await call(["method": "reboot_instance", "args": arguments, "version": "2.0"])
                    #expect(answer["failure"]?["class"]?.string == name, "\(JSONWriter.text(answer))")
                }
                // A reply name that nova never made is not published to, whatever it names.
                try await probe.collect("seen.forged", bindings: [("nova", "topic", "nova")])
                try await probe.publish(
                    "{\"method\": \"get_host_uptime\", \"args\": {}, \"version\": \"2.0\", \"_msg_id\": \"nova\"}",
                    to: "compute.one", exchange: "nova")
                try await Self.serves(bench)
                #expect(try await probe.messages("seen.forged", atLeast: 0, settle: 0.5).isEmpty)
                #expect(try await probe.depth("compute.one.dead") == nil, "nothing was put aside")
            }
        }

        @Test("Casts with wrong arguments tell of it and leave nothing unfinished", .timeLimit(.minutes(5)))
        func wrongArguments() async throws {
            try await Bench.with { bench in
                let worker = try await bench.worker()
                let probe = try await bench.probe()
                try await probe.collectEvents()
                let bodies = [
                    "{}", "{\"instance\": 5}", "{\"instance\": {\"uuid\": \"x\"}}", "{\"instance\": null}", "[]", "7",
                ]
                for body in bodies {
                    try await probe.publish(
                        "{\"method\": \"stop_instance\", \"args\": \(body), \"version\": \"2.0\"}", to: "compute.one",
                        exchange: "nova")
                }
                try await Self.serves(bench)
                #expect(try await worker.stop() == .exited(0))
                #expect(!worker.log.lines.contains { $0.contains("waiting=1") }, "\(worker.log.text(last: 10))")
                let again = try await bench.again(worker)
                #expect(try await probe.depth("compute.one") == 0)
                #expect(try await again.stop() == .exited(0))
                // One error notification for each that was an object; the others were no requests.
                let events = try await probe.collected(Probe.events)
                #expect(
                    events.allSatisfy {
                        $0.eventType.hasSuffix("stop_instance") || $0.eventType.hasSuffix("power_off_instance")
                    })
                #expect(!events.isEmpty)
            }
        }

        @Test("Bodies of 64 MB and thousands of bad messages do not make the worker grow", .timeLimit(.minutes(10)))
        func memory() async throws {
            try await Bench.with { bench in
                let worker = try await bench.worker()
                let probe = try await bench.probe()
                // What is used once is there before the first look.
                try await probe.publish("no", to: "compute.one", exchange: "nova", more: ["repeat": 500])
                try await Self.serves(bench)
                let before = try worker.residentBytes()
                let many = Self.count("COMPUTE_WORKER_BAD_MESSAGES", 10_000)
                try await probe.publish(
                    "{\"method\": 1}", to: "compute.one", exchange: "nova", more: ["repeat": JSONValue(many)])
                for _ in 0..<Self.count("COMPUTE_WORKER_LARGE_BODIES", 100) / 10 {
                    try await probe.publish(
                        "", to: "compute.one", exchange: "nova",
                        more: [
                            "head": "{\"method\":\"x\",\"y\":\"", "fill": ["x", 67_108_864], "tail": "\"}",
                            "repeat": 10,
                        ])
                }
                try await Self.serves(bench)
                let after = try worker.residentBytes()
                #expect(after - before <= 20_971_520, "grew from \(before) to \(after) bytes")
            }
        }

        private static func count(_ name: String, _ usual: Int) -> Int {
            ProcessInfo.processInfo.environment[name].flatMap { Int($0) } ?? usual
        }

        /// The worker answers, after everything that was sent to it before.
        private static func serves(_ bench: Bench) async throws {
            let oslo = try await bench.oslo()
            let uptime = try await oslo.ask(
                ["kind": "call", "method": "get_host_uptime", "server": "one", "timeout": 60])
            try #require(uptime["result"]?.string != nil, "\(JSONWriter.text(uptime))")
        }
    }
}

extension WorkerProcess {
    /// The memory that the kernel says it has.
    func residentBytes() throws -> Int {
        let text = try String(contentsOfFile: "/proc/\(pid)/status", encoding: .utf8)
        let line = try #require(text.split(separator: "\n").first { $0.hasPrefix("VmRSS:") })
        return try #require(line.split(whereSeparator: \.isWhitespace).compactMap { Int($0) }.first) * 1024
    }
}
