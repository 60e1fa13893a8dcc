// SPDX-License-Identifier: Apache-2.0

/// An instance as the scheduler sends it: every field kept, the ones that we read typed.
///
/// The typed properties are views on ``fields``; setting one changes that field alone, so an instance that is encoded
/// again loses nothing that a newer sender put into it.
public struct Instance: Sendable, Hashable {
    /// The uuid, which names the instance everywhere.
    public let id: InstanceID
    /// All fields in the sender's order and spelling.
    public private(set) var fields: JSONObject

    /// Takes the fields of an instance as a scheduler sends them.
    ///
    /// - Throws: ``ComputeFault`` of kind `invalid`, naming the field, when one that we read has the wrong type.
    public init(fields: JSONObject) throws(ComputeFault) {
        guard case .string(let uuid) = fields["uuid"] ?? .null else {
            throw ComputeFault.invalid("an instance has no uuid (a string), so nothing can be done with it")
        }
        guard let id = InstanceID(uuid) else {
            throw ComputeFault.invalid("an instance's uuid is not a uuid")
        }
        self.id = id
        self.fields = fields
        try Self.validate(fields, id: id)
    }

    private static func validate(_ fields: JSONObject, id: InstanceID) throws(ComputeFault) {
        for member in fields.members {
            guard let form = forms[member.key] else { continue }
            guard !form.accepts(member.value) else { continue }
            throw refusal(of: member.value, form, "field '\(member.key)' of the instance", id: id)
        }
        // The flavor's sizes are what is read where the instance's own are absent.
        guard let flavor = fields["instance_type"]?.object else { return }
        for key in ["memory_mb", "vcpus", "root_gb", "ephemeral_gb", "swap"] {
            guard let value = flavor[key], !FieldForm.size.accepts(value) else { continue }
            throw refusal(of: value, .size, "field '\(key)' of the instance's instance_type", id: id)
        }
    }

    private static func refusal(
        of value: JSONValue, _ form: FieldForm, _ what: String, id: InstanceID
    ) -> ComputeFault {
        .invalid("\(what) must be \(form.words), not \(value.kindName)", instance: id)
    }

    /// The type of each field that we read; Folsom's columns, of which all but the uuid may be absent or null.
    private static let forms: [String: FieldForm] = [
        "uuid": .text, "name": .text, "host": .text, "launched_on": .text, "project_id": .text, "user_id": .text,
        "hostname": .text, "display_name": .text, "reservation_id": .text, "image_ref": .text, "kernel_id": .text,
        "ramdisk_id": .text, "architecture": .text, "os_type": .text, "availability_zone": .text, "user_data": .text,
        "access_ip_v4": .text, "access_ip_v6": .text, "created_at": .text, "launched_at": .text,
        "terminated_at": .text, "deleted_at": .text, "key_data": .text, "root_device_name": .text,
        "id": .wholeNumber, "memory_mb": .size, "vcpus": .size, "root_gb": .size, "ephemeral_gb": .size,
        "instance_type_id": .wholeNumberOrText, "power_state": .wholeNumberOrText, "vm_state": .text,
        "task_state": .text, "instance_type": .object, "metadata": .arrayOrObject,
    ]

    private func text(_ key: String) -> String? { fields[key]?.string }

    private func number(_ key: String) -> Int? { fields[key]?.int }

    /// The name on the hypervisor (`instance-0000002a`).
    public var name: String {
        if let name = text("name") { return name }
        guard let number = number("id") else { return "instance-\(id)" }
        let digits = String(number, radix: 16)
        return "instance-" + String(repeating: "0", count: max(0, 8 - digits.utf8.count)) + digits
    }

    public var projectID: String? { text("project_id") }
    public var userID: String? { text("user_id") }
    public var displayName: String? { text("display_name") }
    public var hostname: String? { text("hostname") }
    /// The image that the root disk was made from.
    public var imageRef: String? {
        get { text("image_ref").flatMap { $0.isEmpty ? nil : $0 } }
        set { fields["image_ref"] = JSONValue(newValue) }
    }
    public var kernelID: String? { text("kernel_id").flatMap { $0.isEmpty ? nil : $0 } }
    public var ramdiskID: String? { text("ramdisk_id").flatMap { $0.isEmpty ? nil : $0 } }
    public var architecture: String? { text("architecture") }
    public var osType: String? { text("os_type") }

    /// Memory in MiB, at least 1.
    public var memoryMiB: Int { max(1, number("memory_mb") ?? flavor?["memory_mb"]?.int ?? 1) }
    /// Virtual processors, at least 1.
    public var vcpus: Int { max(1, number("vcpus") ?? flavor?["vcpus"]?.int ?? 1) }
    /// The size of the root disk in GiB; 0 means "as large as the image".
    public var rootGiB: Int { number("root_gb") ?? flavor?["root_gb"]?.int ?? 0 }
    /// The size of the ephemeral disk in GiB; 0 means none.
    public var ephemeralGiB: Int { number("ephemeral_gb") ?? flavor?["ephemeral_gb"]?.int ?? 0 }
    /// The flavor (`instance_type`) as sent.
    public var flavor: JSONObject? { fields["instance_type"]?.object }
    /// The flavor's name (`m1.tiny`).
    public var flavorName: String? { flavor?["name"]?.string }
    /// Cloud-init's user data, base64; may hold secrets.
    public var userData: Secret<String>? { text("user_data").flatMap { $0.isEmpty ? nil : Secret($0) } }
    /// Whether a config drive is asked for: Folsom sends "" for no, "True", "1" or an image id for yes.
    public var wantsConfigDrive: Bool {
        switch fields["config_drive"] ?? .null {
        case .bool(let wanted): wanted
        case .string(let text): !["", "false", "False", "0", "no", "None"].contains(text)
        case .number(let number): number.int != 0
        default: false
        }
    }

    /// The host that owns the instance.
    public var host: String? {
        get { text("host") }
        set { fields["host"] = JSONValue(newValue) }
    }

    /// The host on which the instance was launched first.
    public var launchedOn: String? {
        get { text("launched_on") }
        set { fields["launched_on"] = JSONValue(newValue) }
    }

    /// Nil too for a state that is not known here; the field keeps it.
    public var vmState: VMState? {
        get { text("vm_state").flatMap(VMState.init(rawValue:)) }
        set { fields["vm_state"] = JSONValue(newValue?.rawValue) }
    }

    /// Nil too for a task that is not known here; the field keeps it.
    public var taskState: TaskState? {
        get { text("task_state").flatMap { TaskState(rawValue: $0) } }
        set { fields["task_state"] = JSONValue(newValue?.rawValue) }
    }

    /// `noState` too for a state that is not known here; the field keeps it.
    public var powerState: PowerState {
        get { number("power_state").flatMap(PowerState.init(rawValue:)) ?? .noState }
        set { fields["power_state"] = JSONValue(newValue.rawValue) }
    }

    public var launchedAt: Timestamp? {
        get { text("launched_at").flatMap { Timestamp($0) } }
        set { fields["launched_at"] = JSONValue(newValue?.iso) }
    }

    public var terminatedAt: Timestamp? {
        get { text("terminated_at").flatMap { Timestamp($0) } }
        set { fields["terminated_at"] = JSONValue(newValue?.iso) }
    }

    public var deletedAt: Timestamp? {
        get { text("deleted_at").flatMap { Timestamp($0) } }
        set { fields["deleted_at"] = JSONValue(newValue?.iso) }
    }

    /// Sets a key of the metadata, or with nil removes it, in the form in which they came: nova's list of rows, or a map.
    public mutating func setMetadata(_ value: String?, for key: String) {
        if var map = fields["metadata"]?.object {
            map[key] = value.map { .string($0) }
            fields["metadata"] = .object(map)
            return
        }
        var rows = fields["metadata"]?.array ?? []
        let index = rows.firstIndex { $0["key"]?.string == key }
        switch (index, value) {
        case (let index?, let value?):
            var row = rows[index].object ?? ["key": .string(key)]
            row["value"] = .string(value)
            rows[index] = .object(row)
        case (let index?, nil): rows.remove(at: index)
        case (nil, let value?): rows.append(["key": .string(key), "value": .string(value)])
        case (nil, nil): break
        }
        fields["metadata"] = .array(rows)
    }

    /// The same instance with everything but the states, the host and the times that `known` holds taken from here:
    /// what a cast brings refreshes the rest.
    public func refreshed(keepingStatesOf known: Instance) -> Instance {
        var merged = self
        for key in Self.ownedFields { merged.fields[key] = known.fields[key] ?? .null }
        return merged
    }

    /// The same instance with the flavor and the sizes that `known` holds: only a resize changes them, of which a client
    /// need not have heard.
    public func sized(as known: Instance) -> Instance {
        var merged = self
        for key in Self.sizeFields {
            if let value = known.fields[key], !value.isNull { merged.fields[key] = value }
        }
        return merged
    }

    /// The fields that a resize writes.
    private static let sizeFields = [
        "memory_mb", "vcpus", "root_gb", "ephemeral_gb", "instance_type_id", "instance_type",
    ]

    /// The fields that the worker's own store decides about.
    public static let ownedFields = [
        "host", "launched_on", "vm_state", "task_state", "power_state", "launched_at", "terminated_at", "deleted_at",
    ]

    /// The value that encodes this instance.
    public var json: JSONValue { .object(fields) }
}

extension Instance: CustomStringConvertible {
    /// The id alone: fields may hold user data and keys.
    public var description: String { "instance \(id)" }
}

/// The forms that a field of an instance can take.
private enum FieldForm {
    case text, wholeNumber, size, wholeNumberOrText, object, arrayOrObject

    var words: String {
        switch self {
        case .text: "a string or null"
        case .wholeNumber: "a whole number or null"
        case .size: "a whole number from 0 to 2147483647 or null"
        case .wholeNumberOrText: "a whole number, a string or null"
        case .object: "an object or null"
        case .arrayOrObject: "an array, an object or null"
        }
    }

    func accepts(_ value: JSONValue) -> Bool {
        switch (self, value) {
        case (_, .null): true
        case (.text, .string), (.wholeNumberOrText, .string), (.object, .object), (.arrayOrObject, .array),
            (.arrayOrObject, .object):
            true
        case (.wholeNumber, .number(let number)), (.wholeNumberOrText, .number(let number)): number.int != nil
        case (.size, .number(let number)): number.int.map { (0...2_147_483_647).contains($0) } ?? false
        default: false
        }
    }
}
