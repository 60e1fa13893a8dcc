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
            func hold() async throws {
                for worker in [source, target] {
                    #expect(try await OpsTests.list(worker, untilEmpty: true).isEmpty)
                }
                try await tracing.validate(try await tracing.published(atLeast: 4))
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
                    instance: newInstance())
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
                try await pair.cast(
                    "confirm_resize", to: "one", of: "one", ["migration_id": 1, "reservations": nil])
                let story = try await pair.story(until: "compute.instance.resize.confirm.end")
                #expect(
                    story.suffix(2) == [
                        "resize.confirm.start compute.one", "resize.confirm.end compute.one",
                    ])
                try await pair.hold()
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
                try await pair.hold()
                #expect(try await Self.knows(pair, "one"))
                #expect(try await !Self.knows(pair, "two"))
            }
        }

        @Test("A live migration asks the other host before and after, and leaves a trace of each question",
            .timeLimit(.minutes(3)))
        func liveMigration() async throws {
            try await Self.with { pair in
                try await pair.cast(
                    "live_migration", to: "one", of: "one",
                    ["dest": "two", "block_migration": true, "migrate_data": [:]])
                var moves: [JSONValue] = []
                let deadline = ContinuousClock.now + .seconds(60)
                while moves.isEmpty, ContinuousClock.now < deadline {
                    moves = try await OpsTests.list(pair.source, "--finished", "5").filter {
                        $0["method"] == "live_migration" && $0["state"] == "succeeded"
                    }
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
            }
        }
    }
}
