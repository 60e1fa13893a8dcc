// SPDX-License-Identifier: Apache-2.0

internal import ComputeModel
internal import WorkerStore

/// Builds what an event says of an instance, with nova's keys.
///
/// Two things differ from Folsom on purpose: values are those of this moment, where Folsom repeated the request's, and
/// a date has one spelling, where Folsom had two in one payload; the period of `exists` keeps nova's, with a space.
struct InstancePayload: Sendable {
    /// Where images are said to be: `http://<host>:<port>`.
    let glanceURL: String
    let auditPeriod: UsageAuditPeriod

    /// The 28 keys of every instance event.
    func base(_ row: StoredInstance) -> JSONObject {
        let instance = row.instance
        func raw(_ key: String) -> JSONValue { instance.fields[key] ?? .null }
        let reference = instance.imageRef ?? ""
        // The keys are known to be distinct; a build makes nine of these.
        var payload = JSONObject(minimumCapacity: 34)
        payload.append(newKey: "tenant_id", raw("project_id"))
        payload.append(newKey: "user_id", raw("user_id"))
        payload.append(newKey: "instance_id", .string(instance.id.description))
        payload.append(newKey: "display_name", raw("display_name"))
        payload.append(newKey: "reservation_id", raw("reservation_id"))
        payload.append(newKey: "instance_type", JSONValue(instance.flavorName))
        payload.append(newKey: "instance_type_id", raw("instance_type_id"))
        payload.append(newKey: "architecture", raw("architecture"))
        payload.append(newKey: "memory_mb", JSONValue(instance.memoryMiB))
        payload.append(newKey: "disk_gb", JSONValue(instance.rootGiB + instance.ephemeralGiB))
        payload.append(newKey: "vcpus", JSONValue(instance.vcpus))
        payload.append(newKey: "root_gb", JSONValue(instance.rootGiB))
        payload.append(newKey: "ephemeral_gb", JSONValue(instance.ephemeralGiB))
        payload.append(newKey: "host", raw("host"))
        payload.append(newKey: "availability_zone", raw("availability_zone"))
        payload.append(newKey: "created_at", date(instance.fields["created_at"]?.string))
        payload.append(newKey: "deleted_at", date(instance.terminatedAt?.iso))
        payload.append(newKey: "launched_at", date(instance.launchedAt?.iso))
        payload.append(newKey: "image_ref_url", .string("\(glanceURL)/images/\(reference)"))
        payload.append(newKey: "os_type", raw("os_type"))
        payload.append(newKey: "kernel_id", .string(instance.kernelID ?? ""))
        payload.append(newKey: "ramdisk_id", .string(instance.ramdiskID ?? ""))
        payload.append(newKey: "state", JSONValue(instance.vmState?.rawValue))
        payload.append(newKey: "state_description", .string(instance.taskState?.rawValue ?? ""))
        payload.append(newKey: "access_ip_v4", raw("access_ip_v4"))
        payload.append(newKey: "access_ip_v6", raw("access_ip_v6"))
        payload.append(newKey: "image_meta", row.details[Self.imageMetadataKey] ?? .object([:]))
        payload.append(newKey: "metadata", instance.fields["metadata"].flatMap { $0.isNull ? nil : $0 } ?? [])
        return payload
    }

    /// What `compute.instance.update` adds to the base.
    ///
    /// - Parameter old: the states before; nil where neither is one whose change is told.
    func update(_ row: StoredInstance, old: (vmState: VMState?, taskState: TaskState?)?, at now: Timestamp)
        -> JSONObject
    {
        var payload = base(row)
        payload["old_state"] = JSONValue(old?.vmState?.rawValue)
        payload["state"] = JSONValue(row.instance.vmState?.rawValue)
        payload["old_task_state"] = JSONValue(old?.taskState?.rawValue)
        payload["new_task_state"] = JSONValue(row.instance.taskState?.rawValue)
        payload["audit_period_beginning"] = .string(auditPeriod.beginning(of: now).iso)
        payload["audit_period_ending"] = .string(now.iso)
        payload["bandwidth"] = bandwidth(of: row, at: now)
        return payload
    }

    /// What `compute.instance.exists` adds to the base, for the period that is not over yet.
    func existence(of row: StoredInstance, at now: Timestamp) -> JSONObject {
        [
            "audit_period_beginning": .string(auditPeriod.beginning(of: now).spaced),
            "audit_period_ending": .string(now.spaced), "bandwidth": bandwidth(of: row, at: now),
        ]
    }

    /// The base, with what went through the interfaces by period, from which
    /// ``EventFactory/existence(_:from:until:context:)`` makes the event of one.
    func audited(_ row: StoredInstance) -> JSONObject {
        var payload = base(row)
        payload["bandwidth"] = .object(BandwidthUsage(of: row).toldByPeriod)
        return payload
    }

    private func bandwidth(of row: StoredInstance, at now: Timestamp) -> JSONValue {
        guard row.details[BandwidthUsage.key] != nil else { return .object([:]) }
        return .object(BandwidthUsage(of: row).told(inPeriod: auditPeriod.beginning(of: now)))
    }

    /// The addresses that the network service gave the instance, in nova's form.
    static func fixedIPs(_ networkInfo: [JSONValue]) -> JSONValue {
        var addresses: [JSONValue] = []
        for interface in networkInfo {
            let label = interface["network"]?["label"] ?? .null
            for subnet in interface["network"]?["subnets"]?.array ?? [] {
                for address in subnet["ips"]?.array ?? [] {
                    guard var fields = address.object else { continue }
                    fields["label"] = label
                    addresses.append(.object(fields))
                }
            }
        }
        return .array(addresses)
    }

    /// Where the row keeps the image's properties, which no later cast brings again.
    static let imageMetadataKey = "image_meta"

    /// The properties of the image that a build was asked for, as nova keeps them: strings of at most 255 characters.
    static func imageMetadata(properties: JSONObject, imageRef: String?) -> JSONValue {
        var metadata = JSONObject()
        for member in properties.members {
            let text: String
            switch member.value {
            case .null: text = "None"
            case .bool(let value): text = value ? "True" : "False"
            case .string(let value): text = value
            default: text = JSONWriter.text(member.value)
            }
            metadata[member.key] = .string(String(text.prefix(255)))
        }
        metadata["base_image_ref"] = .string(imageRef ?? "")
        return .object(metadata)
    }

    private func date(_ text: String?) -> JSONValue {
        guard let text else { return "" }
        return .string(Timestamp(text)?.iso ?? text)
    }
}
