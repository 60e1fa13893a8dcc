// SPDX-License-Identifier: Apache-2.0

import ComputeModel
import Foundation
import Glibc
import TestSupport
import Testing

extension Program {
    /// What nobody should send.
    @Suite struct BadInputTests {
        @Test("Each row of docs/BAD-INPUT.md holds: answers, counters, dead letters, events", .timeLimit(.minutes(5)))
        func table() async throws {
            let rows = try BadInputRow.all()
            try await Bench.with { bench in
                let worker = try await bench.worker(bench.counting(bench.settings()))
                let probe = try await bench.probe()
                let folsom = rows.map { _ in Self.identifier() }
                let oslo = rows.map { _ in Self.identifier() }
                let queue = "reply_\(Self.identifier())"
                try await probe.collectEvents()
                try await probe.collect(queue, bindings: [])
                try await probe.collect("seen.folsom", bindings: folsom.map { ($0, "direct", $0) })
                try await probe.collect(
                    BadInput.forgedTarget, bindings: [(BadInput.forgedTarget, "direct", BadInput.forgedTarget)])
                for (index, row) in rows.enumerated() {
                    try await Self.send(row.input, .folsomCall(id: folsom[index]), probe)
                    try await Self.send(row.input, .osloCall(id: oslo[index], queue: queue), probe)
                    try await Self.send(row.input, .cast, probe)
                }
                try await probe.collect(existing: "compute.one.dead")
                try await Self.hold(rows, answers: (folsom, oslo, queue), probe)
                try await Self.hold(rows, deadLetters: probe)
                let told = try await probe.messages(Probe.events, atLeast: rows.count { $0.isTold } * 3, settle: 0.5)
                #expect(told.count == rows.count { $0.isTold } * 3, "\(told.map(\.eventType))")
                #expect(told.allSatisfy { $0.message["priority"] == "ERROR" })
                let forged = try await probe.collected(BadInput.forgedTarget)
                #expect(forged.isEmpty, "\(forged.map(\.body))")

                try await Self.hold(rows, counters: bench, worker)
                try await Self.serves(bench)
                #expect(try await worker.stop() == .exited(0))
            }
        }

        private static func hold(
            _ rows: [BadInputRow], answers: (folsom: [String], oslo: [String], queue: String), _ probe: Probe
        ) async throws {
            func frames(_ answer: BadInputRow.Answer, isFolsom: Bool) -> Int {
                switch answer {
                case .none: 0
                case .result: isFolsom ? 2 : 1
                case .failure: 1
                }
            }
            func hold(_ row: BadInputRow, _ answer: BadInputRow.Answer, _ heard: [Probe.Message], isFolsom: Bool) throws
            {
                let place = "\(row.input.rawValue): \(heard.map(\.body))"
                #expect(heard.count == frames(answer, isFolsom: isFolsom), "\(place)")
                guard let first = heard.first?.message else { return }
                switch answer {
                case .none: break
                case .result: #expect(first["failure"] == .null && first["result"]?.string != nil, "\(place)")
                case .failure(let name):
                    let failure = try JSONParser.parse(try #require(first["failure"]?.string, "\(place)"))
                    #expect(failure["class"]?.string == name, "\(place)")
                }
            }
            let flat = try await probe.messages(
                "seen.folsom", atLeast: rows.map { frames($0.folsomAnswer, isFolsom: true) }.reduce(0, +), settle: 0.5)
            let enveloped = try await probe.messages(
                answers.queue, atLeast: rows.map { frames($0.osloAnswer, isFolsom: false) }.reduce(0, +), settle: 0.5)
            for (index, row) in rows.enumerated() {
                let id = answers.folsom[index]
                try hold(row, row.folsomAnswer, flat.filter { $0.exchange == id && $0.key == id }, isFolsom: true)
                try hold(
                    row, row.osloAnswer,
                    enveloped.filter { $0.message["_msg_id"]?.string == answers.oslo[index] }, isFolsom: false)
            }
        }

        private static func hold(_ rows: [BadInputRow], deadLetters probe: Probe) async throws {
            var expected: [String: Int] = [:]
            for row in rows {
                guard let reason = row.deadLetter else { continue }
                expected[reason, default: 0] += row.folsomAnswer == .none ? 3 : 1
            }
            let dead = try await probe.messages(
                "compute.one.dead", atLeast: expected.values.reduce(0, +), settle: 0.5)
            var seen: [String: Int] = [:]
            for letter in dead { seen[letter.headers["x-reason"]?.string ?? "none", default: 0] += 1 }
            #expect(seen == expected)
            #expect(dead.allSatisfy { $0.size <= 4096 })
            let large = dead.filter { $0.headers["x-reason"] == "too-large" }
            #expect(large.count == 3)
            for letter in large {
                #expect(letter.headers["x-size"]?.string.flatMap { Int($0) } ?? 0 > 67_108_864)
                #expect(letter.size == 4096)
            }
        }

        /// Every counter that the table names, and none of their kind that it does not, in the file and in the log.
        private static func hold(_ rows: [BadInputRow], counters bench: Bench, _ worker: WorkerProcess) async throws {
            var counted: [String: Int] = [:]
            for row in rows {
                counted[row.callCounter, default: 0] += 2
                counted[row.castCounter, default: 0] += 1
            }
            let names = Set(counted.keys.map { $0.prefix { $0 != "{" } })
            let counters = try await bench.counters(reaching: counted)
            let seen = counters.filter { names.contains($0.key.prefix { $0 != "{" }) && $0.value > 0 }
            for key in Set(seen.keys).union(counted.keys).sorted() {
                #expect(seen[key] == counted[key], "\(key)")
            }
            worker.kill(SIGUSR2)
            for (key, value) in counted {
                let line = await worker.log.first(within: .seconds(10)) { $0.contains("counter \(key) ") }
                #expect(line?.hasSuffix("counter \(key) \(value)") == true, "\(key): \(line ?? "not told")")
            }
        }

        private static func send(_ input: BadInput, _ sender: BadInput.Sender, _ probe: Probe) async throws {
            try await probe.publish("", to: "compute.one", exchange: "nova", more: input.command(from: sender))
        }

        private static func identifier() -> String { newInstance().replacing("-", with: "") }

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
                let worker = try await bench.worker(bench.counting(bench.settings()))
                let probe = try await bench.probe()
                // What is used once is there before the first look.
                try await probe.publish("no", to: "compute.one", exchange: "nova", more: ["repeat": 500])
                try await Self.serves(bench)
                let before = try worker.residentBytes()
                let many = Self.count("COMPUTE_WORKER_BAD_MESSAGES", 10_000)
                try await probe.publish(
                    "{\"method\": 1}", to: "compute.one", exchange: "nova", more: ["repeat": JSONValue(many)])
                let large = Self.count("COMPUTE_WORKER_LARGE_BODIES", 100) / 10 * 10
                for _ in 0..<large / 10 {
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
                // They were looked at, one by one.
                let counters = try await bench.counters(reaching: [Self.tooLarge: large])
                #expect(counters[Self.tooLarge] == large)
                #expect(counters["compute_rpc_dead_letters_total{reason=\"bad-field\"}"] == many)
                #expect(counters["compute_rpc_dead_letters_total{reason=\"not-json\"}"] == 500)
            }
        }

        private static let tooLarge = "compute_rpc_dead_letters_total{reason=\"too-large\"}"

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

extension Bench {
    var countersFile: URL { directory.appending(path: "counters") }

    /// The settings, with the counters written to a file every second.
    func counting(_ settings: WorkerProcess.Settings) -> WorkerProcess.Settings {
        var settings = settings
        settings.options["compute_worker", default: [:]].merge(
            ["counters_file": countersFile.path, "counters_interval": "1"]
        ) { _, new in new }
        return settings
    }

    /// What the counters' file says when it has these values, or at last.
    func counters(
        reaching wanted: [String: Int], within limit: Duration = .seconds(30)
    ) async throws -> [String: Int] {
        let deadline = ContinuousClock.now + limit
        while true {
            let seen = try counters()
            if wanted.allSatisfy({ seen[$0.key] == $0.value }) || ContinuousClock.now > deadline { return seen }
            // The worker writes it at an interval and nothing tells when.
            try await Task.sleep(for: .milliseconds(200))
        }
    }

    private func counters() throws -> [String: Int] {
        var values: [String: Int] = [:]
        for line in try String(contentsOf: countersFile, encoding: .utf8).split(separator: "\n") {
            guard let space = line.lastIndex(of: " ") else { continue }
            values[String(line[..<space])] = Int(line[line.index(after: space)...])
        }
        return values
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
