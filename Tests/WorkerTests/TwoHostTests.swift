// SPDX-License-Identifier: Apache-2.0

import ComputeModel
import Foundation
import TestSupport
import Testing

extension Program {
    /// Two workers, between which an instance moves by their casts and calls to each other through the broker.
    @Suite struct TwoHostTests {
        private static let flavor: JSONValue = [
            "id": 2, "name": "m1.small", "memory_mb": 1024, "vcpus": 1, "root_gb": 1, "ephemeral_gb": 0, "swap": 0,
        ]

        private struct Pair {
            let source: WorkerProcess
            let target: WorkerProcess
            let probe: Probe
            let oslo: Caller
            let tracing: Tracing
            let instance: String
            let bench: Bench

            /// A call about the instance, which is on `owner`, to a host.
            func call(
                _ method: String, to host: String, of owner: String, _ extra: JSONObject
            ) async throws -> JSONValue {
                try await oslo.ask([
                    "kind": "call", "method": .string(method), "server": .string(host), "timeout": 60,
                    "prepared": ["uuid": .string(instance), "host": .string(owner), "extra": .object(extra)],
                ])
            }

            /// A request about the instance, which is on `owner`, to a host.
            func cast(_ method: String, to host: String, of owner: String, _ extra: JSONObject) async throws {
                try await oslo.cast([
                    "method": .string(method), "server": .string(host),
                    "prepared": ["uuid": .string(instance), "host": .string(owner), "extra": .object(extra)],
                ])
            }

            /// The events of a move with the hosts that told them.
            func story(until type: String) async throws -> [String] {
                try await probe.events(of: instance, until: type).distinct
                    .filter { $0.eventType.contains("resize") || $0.eventType.hasSuffix(".exists") }
                    .map { "\($0.eventType.dropFirst(17)) \($0.message["publisher_id"]?.string ?? "-")" }
            }

            /// Holds all that the workers published against the schemas.
            func hold(by witness: EventWitness? = nil) async throws {
                for worker in [source, target] {
                    #expect(try await OpsTests.list(worker, untilEmpty: true).isEmpty)
                }
                try await tracing.hold(atLeast: 4, by: witness)
            }
        }

        private static func with(_ body: (Pair) async throws -> Void) async throws {
            try await Bench.with { bench in
                var workers: [WorkerProcess] = []
                for host in ["one", "two"] {
                    var settings = bench.settings(host)
                    settings.options["DEFAULT"] = ["rpc_response_timeout": "20"]
                    workers.append(try await bench.worker(settings))
                }
                let probe = try await bench.probe()
                let tracing = try await Tracing.begin(bench, probe)
                try await probe.collectEvents()
                let oslo = try await bench.oslo()
                let pair = Pair(
                    source: workers[0], target: workers[1], probe: probe, oslo: oslo, tracing: tracing,
                    instance: newInstance(), bench: bench)
                try await oslo.cast("run_instance", pair.instance, to: "one")
                try await probe.events(of: pair.instance, until: "compute.instance.create.end")
                try await body(pair)
            }
        }

        private static func resize(_ pair: Pair) async throws {
            try await pair.cast(
                "prep_resize", to: "two", of: "one",
                ["instance_type": flavor, "image": [:], "reservations": nil])
            #expect(
                try await pair.story(until: "compute.instance.finish_resize.end") == [
                    "exists compute.two", "resize.prep.start compute.two", "resize.prep.end compute.two",
                    "resize.start compute.one", "resize.end compute.one", "finish_resize.start compute.two",
                    "finish_resize.end compute.two",
                ])
        }

        /// Who knows the instance now.
        private static func knows(_ pair: Pair, _ host: String) async throws -> Bool {
            try await pair.oslo.call("get_console_output", pair.instance, to: host)["error"] == nil
        }

        @Test("A resize goes from host to host and is confirmed, and the source knows the instance no more",
            .timeLimit(.minutes(3)))
        func confirmed() async throws {
            try await Self.with { pair in
                try await Self.resize(pair)
                let answer = try await pair.call(
                    "confirm_resize", to: "one", of: "one", ["migration_id": 1, "reservations": nil])
                try await pair.bench.hold(["confirm_resize": answer], by: .confirmed)
                let story = try await pair.story(until: "compute.instance.resize.confirm.end")
                #expect(
                    story.suffix(2) == [
                        "resize.confirm.start compute.one", "resize.confirm.end compute.one",
                    ])
                try await pair.hold(by: .confirmed)
                #expect(try await Self.knows(pair, "two"))
                #expect(try await !Self.knows(pair, "one"))
            }
        }

        @Test("A resize that is taken back leaves the instance on its first host", .timeLimit(.minutes(3)))
        func reverted() async throws {
            try await Self.with { pair in
                try await Self.resize(pair)
                try await pair.cast(
                    "revert_resize", to: "two", of: "two", ["migration_id": 1, "reservations": nil])
                let story = try await pair.story(until: "compute.instance.resize.revert.end")
                #expect(
                    story.suffix(2) == [
                        "resize.revert.start compute.one", "resize.revert.end compute.one",
                    ])
                try await pair.hold(by: .reverted)
                #expect(try await Self.knows(pair, "one"))
                #expect(try await !Self.knows(pair, "two"))
            }
        }

        /// Calls a host with what the other one cast to `relay`, which is nobody: each takes it for its counterpart.
        private static func handOn(
            _ method: String, _ number: Int, to host: String, _ pair: Pair
        ) async throws -> JSONValue {
            let sent = try await pair.probe.messages("seen.relay", atLeast: number)
            try #require(sent.count == number && sent.last?.message["method"] == .string(method))
            let names: [String: JSONValue] = [host == "one" ? "two" : "one": "relay", "relay": .string(host)]
            return try await pair.oslo.ask([
                "kind": "call", "method": .string(method), "server": .string(host), "timeout": 60,
                "args": renamed(sent.last?.message["args"] ?? .null, names),
            ])
        }

        private static func renamed(_ value: JSONValue, _ names: [String: JSONValue]) -> JSONValue {
            switch value {
            case .string(let text): names[text] ?? value
            case .array(let elements): .array(elements.map { renamed($0, names) })
            case .object(let object):
                .object(object.members.reduce(into: JSONObject()) { $0[$1.key] = renamed($1.value, names) })
            default: value
            }
        }

        @Test("What one host casts to the other it could call as well: each step of a resize and its way back returns",
            .timeLimit(.minutes(3)))
        func results() async throws {
            try await Self.with { pair in
                try await pair.probe.collect("seen.relay", bindings: [("nova", "topic", "compute.relay")])
                let end: JSONObject = ["migration_id": 1, "reservations": nil]
                var answers: [String: JSONValue] = [:]
                answers["prep_resize"] = try await pair.call(
                    "prep_resize", to: "two", of: "relay",
                    ["instance_type": Self.flavor, "image": [:], "reservations": nil])
                answers["resize_instance"] = try await Self.handOn("resize_instance", 1, to: "one", pair)
                answers["finish_resize"] = try await Self.handOn("finish_resize", 2, to: "two", pair)
                answers["revert_resize"] = try await pair.call("revert_resize", to: "two", of: "two", end)
                answers["finish_revert_resize"] = try await Self.handOn("finish_revert_resize", 3, to: "one", pair)
                try await pair.bench.hold(answers, by: .resized)
                #expect(try await Self.knows(pair, "one"))
                #expect(try await !Self.knows(pair, "two"))
            }
        }

        @Test("A live migration asks the other host before and after, and leaves a trace of each question",
            .timeLimit(.minutes(3)))
        func liveMigration() async throws {
            try await Self.with { pair in
                let check = try await pair.call(
                    "check_can_live_migrate_destination", to: "two", of: "one",
                    ["block_migration": true, "disk_over_commit": false])
                #expect(check["result"]?.object != nil, "\(JSONWriter.text(check))")
                let moved = try await pair.call(
                    "live_migration", to: "one", of: "one",
                    ["dest": "two", "block_migration": true, "migrate_data": check["result"] ?? .null])
                let moves = try await OpsTests.list(pair.source, "--finished", "5").filter {
                    $0["method"] == "live_migration" && $0["state"] == "succeeded"
                }
                let id = try #require(moves.first?["id"]?.int)
                let show = try await pair.source.command(["ops", "show", String(id), "--format", "json"])
                let asked = try JSONParser.parse(show.output)["peer_calls"]?.array ?? []
                #expect(
                    asked.compactMap { $0["method"]?.string }
                        == ["pre_live_migration", "post_live_migration_at_destination"], "\(show.output)")
                #expect(asked.allSatisfy { $0["outcome"] == "ok" }, "\(show.output)")
                try await pair.hold()
                #expect(try await Self.knows(pair, "two"))
                #expect(try await !Self.knows(pair, "one"))
                // Made ready on a host that it does not come to after all.
                let prepared = try await pair.call(
                    "pre_live_migration", to: "one", of: "two", ["block_migration": false, "disk": nil])
                try await pair.bench.hold(
                    [
                        "check_can_live_migrate_destination": check, "live_migration": moved,
                        "pre_live_migration": prepared,
                    ], by: .liveMigrated)
            }
        }
    }
}
