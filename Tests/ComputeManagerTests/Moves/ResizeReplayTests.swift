// SPDX-License-Identifier: Apache-2.0

import ComputeManager
import ComputeModel
import FakeDriver
import Foundation
import Testing

@Suite("The recorded resize, replayed", .timeLimit(.minutes(1)))
struct ResizeReplayTests {
    /// The recorded requests, in order; their migration is not in them: nova's services had it in their database.
    private static let frames: [JSONObject] = {
        let file = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().appendingPathComponent("Golden/f18-sequence-resize-confirm.json")
        guard let data = try? Data(contentsOf: file), let document = try? JSONParser.parse([UInt8](data)) else {
            return []
        }
        return document["frames"]?.array?.compactMap(\.object) ?? []
    }()

    private static func bodies(_ role: String) -> [JSONObject] {
        frames.filter { $0["role"]?.string?.hasPrefix(role) == true }
            .compactMap { $0["body_raw"]?.string.flatMap { try? JSONParser.parse($0) }?.object }
    }

    /// Four handlers of nova ran beside each other on one host; each tells its own events in its own order, and the
    /// updates that belong to a handler stand among its events. `resize.end` came late, behind the next one's first.
    private static let order = [
        "compute.instance.exists", "compute.instance.resize.prep.start", "compute.instance.resize.prep.end",
        "compute.instance.update", "compute.instance.resize.start", "compute.instance.update",
        "compute.instance.resize.end", "compute.instance.update", "compute.instance.update",
        "compute.instance.finish_resize.start", "compute.instance.update", "compute.instance.finish_resize.end",
        "compute.instance.resize.confirm.start", "compute.instance.resize.confirm.end",
    ]

    @Test("Resize and confirm on one host tell the recorded events with the recorded keys and types")
    func replay() async throws {
        let requests = Self.bodies("request")
        #expect(requests.map { $0["method"] } == ["prep_resize", "resize_instance", "finish_resize", "confirm_resize"])
        let fixture = try ManagerFixture { $0.allowsResizeToSameHost = true }
        let driver = FakeDriver(hostname: ManagerFixture.host)
        var peers = Peers.none
        peers.network = TwinNetwork(host: ManagerFixture.host, crash: CrashPlan())
        try await fixture.run(peers: peers, driver: driver) { manager in
            try await fixture.perform(manager, try GoldenSequence("f11-sequence-create").body())
            for request in requests {
                var request = request
                var arguments = request["args"]?.object ?? JSONObject()
                var instance = arguments["instance"]?.object ?? JSONObject()
                // One instance through both recordings.
                instance["uuid"] = try GoldenSequence("f11-sequence-create").instance["uuid"]
                arguments["instance"] = .object(instance)
                request["args"] = .object(arguments)
                try await fixture.perform(manager, JSONWriter.bytes(.object(request)))
            }
        }
        let built = try GoldenSequence("f11-sequence-create").events.count
        let ours = try await fixture.events().dropFirst(built)
        #expect(ours.compactMap { $0["event_type"]?.string } == Self.order)
        let recorded = Self.bodies("notification")
        #expect(recorded.compactMap { $0["event_type"]?.string }.sorted() == Self.order.sorted())
        // The n-th of a type against the n-th.
        var seen: [String: Int] = [:]
        for event in ours {
            let type = event["event_type"]?.string ?? ""
            let expected = recorded.filter { $0["event_type"]?.string == type }[seen[type, default: 0]]
            seen[type, default: 0] += 1
            let differences = ReplayComparator.differences(event, expected).filter { line in
                !Self.identity.contains { line.hasPrefix("\($0):") }
            }
            #expect(differences == [], "\(type)")
        }
        await fixture.close()
    }

    /// Values of another instance than the recorded one; and the flavor, which Folsom told as it had been.
    private static let identity = [
        "instance_id", "display_name", "reservation_id", "image_ref_url", "image_meta", "metadata", "architecture",
        "instance_type",
    ]

    @Test("Sizes and flavor are the new ones from finish_resize.start on, the addresses are told")
    func fresh() async throws {
        let fixture = try ManagerFixture { $0.allowsResizeToSameHost = true }
        let driver = FakeDriver(hostname: ManagerFixture.host)
        var peers = Peers.none
        peers.network = TwinNetwork(host: ManagerFixture.host, crash: CrashPlan())
        try await fixture.run(peers: peers, driver: driver) { manager in
            try await fixture.perform(manager, Requests.run())
            for row in [MethodRow.prepResize, .resize, .finishResize] {
                try await fixture.perform(manager, row.body)
            }
        }
        func payload(_ type: String) async throws -> JSONValue? {
            try await fixture.events().last { $0["event_type"]?.string == "compute.instance.\(type)" }?["payload"]
        }
        let prepared = try await payload("resize.prep.end")
        #expect(prepared?["new_instance_type"] == "m1.small")
        #expect(prepared?["new_instance_type_id"] == 2)
        #expect(prepared?["instance_type"] == "m1.tiny")
        let started = try await payload("resize.start")
        #expect(started?["memory_mb"] == 512)
        #expect(started?["fixed_ips"]?.array?.first?["address"] == "10.0.0.2")
        let exists = try await payload("exists")
        #expect(exists?["bandwidth"] == [:])
        #expect(exists?["audit_period_beginning"]?.string?.isEmpty == false)
        for type in ["finish_resize.start", "finish_resize.end"] {
            let payload = try await payload(type)
            #expect(payload?["memory_mb"] == 2048)
            #expect(payload?["instance_type"] == "m1.small")
            #expect(payload?["instance_type_id"] == 2)
            #expect(payload?["disk_gb"] == 20)
            #expect(payload?["fixed_ips"]?.array?.count == 1)
        }
        await fixture.close()
    }
}
