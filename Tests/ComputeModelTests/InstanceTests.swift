// SPDX-License-Identifier: Apache-2.0

import ComputeModel
import Testing

@Suite("An instance keeps every field that its sender gave it")
struct InstanceTests {
    /// The instance of the recorded cast, as its sender wrote it.
    private func recorded() throws -> JSONObject {
        let body = try #require(try Golden.bodies("f02-run_instance").first)
        return try #require(try JSONParser.parse(body)["args"]?["instance"]?.object)
    }

    @Test("decoded and encoded again, nothing differs")
    func roundTrip() throws {
        let fields = try recorded()
        let instance = try Instance(fields: fields)
        #expect(JSONWriter.text(instance.json) == JSONWriter.text(.object(fields)))
        #expect(instance.fields.count == 53)
    }

    @Test("numbers keep the spelling of their sender")
    func spelling() throws {
        var fields = try recorded()
        fields["memory_mb"] = try JSONParser.parse("512.0")
        fields["progress"] = try JSONParser.parse("1e0")
        fields["from_the_future"] = try JSONParser.parse("{\"x\":[1.50,123456789012345678901234567890]}")
        let instance = try Instance(fields: fields)
        #expect(instance.memoryMiB == 512)
        #expect(JSONWriter.text(instance.json) == JSONWriter.text(.object(fields)))
    }

    private static let changes: [(key: String, change: @Sendable (inout Instance) -> Void)] = [
        ("vm_state", { $0.vmState = .error }),
        ("task_state", { $0.taskState = .imageBackup }),
        ("power_state", { $0.powerState = .suspended }),
        ("host", { $0.host = "compute7" }),
        ("launched_on", { $0.launchedOn = "compute7" }),
        ("launched_at", { $0.launchedAt = Timestamp(microseconds: 1) }),
        ("terminated_at", { $0.terminatedAt = Timestamp(microseconds: 2) }),
        ("deleted_at", { $0.deletedAt = Timestamp(microseconds: 3) }),
    ]

    @Test("a changed typed field is the only difference, and it keeps its place", arguments: changes.indices)
    func oneChange(index: Int) throws {
        let (key, change) = Self.changes[index]
        let fields = try recorded()
        var instance = try Instance(fields: fields)
        change(&instance)
        #expect(instance.fields.keys == fields.keys)
        for (before, after) in zip(fields.members, instance.fields.members) {
            #expect((before.value == after.value) == (before.key != key), "\(before.key)")
        }
    }

    @Test("typed fields read what was written to them")
    func typed() throws {
        var instance = try Instance(fields: try recorded())
        for state in VMState.allCases {
            instance.vmState = state
            #expect(try Instance(fields: instance.fields).vmState == state)
        }
        for state in TaskState.allCases {
            instance.taskState = state
            #expect(try Instance(fields: instance.fields).taskState == state)
        }
        for state in PowerState.allCases {
            instance.powerState = state
            #expect(try Instance(fields: instance.fields).powerState == state)
        }
        instance.taskState = nil
        #expect(instance.fields["task_state"] == .null)
    }

    @Test(
        "a field of the wrong type is refused by its name, and its value is not repeated",
        arguments: [
            ("memory_mb", "hunter2"), ("vcpus", [1]), ("root_gb", -1), ("power_state", []), ("vm_state", 5),
            ("task_state", 5), ("instance_type", "hunter2"), ("display_name", 7), ("id", "hunter2"),
            ("metadata", "hunter2"),
        ] as [(String, JSONValue)])
    func wrongType(key: String, value: JSONValue) throws {
        var fields = try recorded()
        fields[key] = value
        let fault = try #require(throws: ComputeFault.self) { try Instance(fields: fields) }
        #expect(fault.kind == .invalid)
        #expect(fault.message.contains(key))
        #expect(!fault.message.contains("hunter2"))
    }

    @Test(
        "the flavor's sizes are bounded like the instance's own, which they stand in for",
        arguments: ["memory_mb", "vcpus", "root_gb", "ephemeral_gb", "swap"],
        [.number(JSONNumber(Int.max)), -1, 2_147_483_648, "hunter2"] as [JSONValue])
    func flavorSizes(key: String, value: JSONValue) throws {
        var fields = try recorded()
        var flavor = fields["instance_type"]?.object ?? JSONObject()
        flavor[key] = value
        fields["instance_type"] = .object(flavor)
        let fault = try #require(throws: ComputeFault.self) { try Instance(fields: fields) }
        #expect(fault.kind == .invalid)
        #expect(fault.message.contains(key))
        #expect(!fault.message.contains("hunter2"))
        flavor[key] = 2_147_483_647
        fields["instance_type"] = .object(flavor)
        #expect(try Instance(fields: fields).flavor?[key] == 2_147_483_647)
    }

    @Test("a state that is not known here is kept, and read as none")
    func unknownStates() throws {
        var fields = try recorded()
        fields["vm_state"] = "shelved_offloaded"
        fields["task_state"] = "shelving"
        fields["power_state"] = 2
        let instance = try Instance(fields: fields)
        #expect(instance.vmState == nil)
        #expect(instance.taskState == nil)
        #expect(instance.powerState == .noState)
        #expect(instance.fields["vm_state"] == "shelved_offloaded")
        #expect(instance.fields["task_state"] == "shelving")
        #expect(instance.fields["power_state"] == 2)
    }

    @Test(
        "an instance without a uuid is none",
        arguments: [.null, "", "abc", 5, "../../etc/passwd-1234-1234-1234567890ab"] as [JSONValue])
    func uuid(value: JSONValue) throws {
        var fields = try recorded()
        fields["uuid"] = value
        #expect(throws: ComputeFault.self) { try Instance(fields: fields) }
        fields["uuid"] = nil
        #expect(throws: ComputeFault.self) { try Instance(fields: fields) }
    }

    @Test("a cast refreshes everything but what the store owns")
    func refreshed() throws {
        var known = try Instance(fields: try recorded())
        known.host = "compute1"
        known.vmState = .active
        known.taskState = nil
        known.powerState = .running
        var fields = try recorded()
        fields["display_name"] = "renamed"
        fields["vm_state"] = "error"
        let merged = try Instance(fields: fields).refreshed(keepingStatesOf: known)
        #expect(merged.displayName == "renamed")
        #expect(merged.vmState == .active)
        #expect(merged.host == "compute1")
        #expect(merged.powerState == .running)
    }

    @Test("a cast changes no size that is known, and brings those that are not")
    func sized() throws {
        var fields = try recorded()
        fields["vcpus"] = nil
        fields["root_gb"] = .null
        let known = try Instance(fields: fields).resized(to: ["id": 7, "name": "m1.large", "memory_mb": 8192])
        var brought = try recorded()
        brought["vcpus"] = 3
        brought["root_gb"] = 11
        brought["display_name"] = "renamed"
        let merged = try Instance(fields: brought).sized(as: known)
        #expect(merged.memoryMiB == 8192)
        #expect(merged.flavorName == "m1.large")
        #expect(merged.fields["instance_type_id"] == 7)
        #expect(merged.vcpus == 3)
        #expect(merged.rootGiB == 11)
        #expect(merged.displayName == "renamed")
    }
}
