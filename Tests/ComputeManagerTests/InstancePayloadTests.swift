// SPDX-License-Identifier: Apache-2.0

@testable import ComputeManager
import ComputeModel
import Testing
import WorkerStore

@Suite("What events say of an instance")
struct InstancePayloadTests {
    private static let sequences = [
        "f11-sequence-create", "f12-sequence-reboot-soft", "f13-sequence-delete", "f14-sequence-stop",
        "f15-sequence-start",
    ]

    private let payload = InstancePayload(glanceURL: "http://192.0.2.20:9292", auditPeriod: UsageAuditPeriod(.hour))

    /// The row that nova had when it published `event`, as far as the event tells.
    private func row(_ event: JSONObject, of sequence: GoldenSequence) throws -> StoredInstance {
        var instance = try Instance(fields: sequence.instance)
        let told = try #require(event["payload"]?.object)
        instance.vmState = told["state"]?.string.flatMap { VMState(rawValue: $0) }
        instance.taskState = told["state_description"]?.string.flatMap { TaskState(rawValue: $0) }
        instance.host = told["host"]?.string
        instance.launchedAt = told["launched_at"]?.string.flatMap { Timestamp($0) }
        instance.terminatedAt = told["deleted_at"]?.string.flatMap { Timestamp($0) }
        var details = JSONObject()
        details[InstancePayload.imageMetadataKey] = told["image_meta"]
        return StoredInstance(instance: instance, details: details, updatedAt: Timestamp(microseconds: 0))
    }

    /// The recorded value with the one date spelling that we use.
    private func spelled(_ value: JSONValue, _ key: String) -> JSONValue {
        guard key.hasSuffix("_at"), let text = value.string, let date = Timestamp(text) else { return value }
        return .string(date.iso)
    }

    @Test("Each of the 28 keys has the recorded value in every recorded event", arguments: sequences)
    func base(_ name: String) throws {
        let sequence = try GoldenSequence(name)
        for event in sequence.events {
            let expected = try #require(event["payload"]?.object)
            let ours = payload.base(try row(event, of: sequence))
            #expect(ours.count == 28)
            for member in ours.members {
                let recorded = expected[member.key].map { spelled($0, member.key) }
                #expect(member.value == recorded, "\(member.key) of \(event["event_type"]?.string ?? "")")
            }
        }
    }

    @Test("An update has the recorded values, the audit period among them", arguments: sequences)
    func update(_ name: String) throws {
        let sequence = try GoldenSequence(name)
        for event in sequence.events where event["event_type"] == "compute.instance.update" {
            let expected = try #require(event["payload"]?.object)
            let now = try #require(expected["audit_period_ending"]?.string.flatMap { Timestamp($0) })
            let old = expected["old_state"]?.string.map { state in
                (VMState(rawValue: state), expected["old_task_state"]?.string.flatMap { TaskState(rawValue: $0) })
            }
            let ours = payload.update(
                try row(event, of: sequence), old: old.map { (vmState: $0.0, taskState: $0.1) }, at: now)
            #expect(Set(ours.keys) == Set(expected.keys))
            for member in ours.members {
                #expect(member.value == expected[member.key].map { spelled($0, member.key) }, "\(member.key)")
            }
        }
    }

    @Test("Addresses are told as nova tells them")
    func fixedIPs() throws {
        let create = try GoldenSequence("f11-sequence-create")
        let end = try #require(create.events.last)
        // The cache that a later request carries is the network info of that instance.
        let reboot = try GoldenSequence("f12-sequence-reboot-soft")
        let cache = try #require(reboot.instance["info_cache"]?["network_info"]?.string)
        let networkInfo = try #require(try JSONParser.parse(cache).array)
        #expect(InstancePayload.fixedIPs(networkInfo) == end["payload"]?["fixed_ips"])
        #expect(InstancePayload.fixedIPs([]) == [])
    }

    @Test("The image's properties are told as strings, with the image's own id")
    func imageMetadata() {
        let properties: JSONObject = [
            "a": "text", "b": true, "c": 7, "d": nil, "long": .string(String(repeating: "x", count: 300)),
        ]
        let told = InstancePayload.imageMetadata(properties: properties, imageRef: "cirros")
        #expect(told["a"] == "text")
        #expect(told["b"] == "True")
        #expect(told["c"] == "7")
        #expect(told["d"] == "None")
        #expect(told["long"]?.string?.count == 255)
        #expect(told["base_image_ref"] == "cirros")
    }

    @Test(
        "Periods begin at the last boundary",
        arguments: [
            (UsageAuditPeriod(.hour), "2026-11-23T02:02:31.159946", "2026-11-23T02:00:00.000000"),
            (UsageAuditPeriod(.hour, offset: 30), "2026-11-23T02:02:31.0", "2026-11-23T01:30:00.000000"),
            (UsageAuditPeriod(.day), "2026-11-23T00:00:00.0", "2026-11-23T00:00:00.000000"),
            (UsageAuditPeriod(.day, offset: 6), "2026-11-23T05:59:59.9", "2026-11-22T06:00:00.000000"),
            (UsageAuditPeriod(.month), "2026-11-01T00:00:00.0", "2026-11-01T00:00:00.000000"),
            (UsageAuditPeriod(.month, offset: 15), "2026-01-14T23:00:00.0", "2025-12-15T00:00:00.000000"),
            (UsageAuditPeriod(.month, offset: 31), "2026-03-30T00:00:00.0", "2026-02-28T00:00:00.000000"),
            (UsageAuditPeriod(.year), "2026-06-01T00:00:00.0", "2026-01-01T00:00:00.000000"),
            (UsageAuditPeriod(.year, offset: 7), "2026-06-01T00:00:00.0", "2025-07-01T00:00:00.000000"),
        ])
    func audit(_ period: UsageAuditPeriod, _ moment: String, _ beginning: String) throws {
        #expect(period.beginning(of: try #require(Timestamp(moment))).iso == beginning)
    }
}
