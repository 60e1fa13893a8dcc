// SPDX-License-Identifier: Apache-2.0

internal import ComputeModel
internal import WorkerStore

/// Builds what an event says of an instance, with nova's keys.
///
/// Two things differ from Folsom on purpose: values are those of this moment, where Folsom repeated the request's, and
/// a date has one spelling, where Folsom had two in one payload.
struct InstancePayload: Sendable {
    /// Where images are said to be: `http://<host>:<port>`.
    let glanceURL: String
    let auditPeriod: UsageAuditPeriod

    /// The 28 keys of every instance event.
    func base(_ row: StoredInstance) -> JSONObject {
        let instance = row.instance
        func raw(_ key: String) -> JSONValue { instance.fields[key] ?? .null }
        let reference = instance.imageRef ?? ""
        return [
            "tenant_id": raw("project_id"), "user_id": raw("user_id"), "instance_id": .string(instance.id.description),
            "display_name": raw("display_name"), "reservation_id": raw("reservation_id"),
            "instance_type": JSONValue(instance.flavorName), "instance_type_id": raw("instance_type_id"),
            "architecture": raw("architecture"), "memory_mb": JSONValue(instance.memoryMiB),
            "disk_gb": JSONValue(instance.rootGiB + instance.ephemeralGiB), "vcpus": JSONValue(instance.vcpus),
            "root_gb": JSONValue(instance.rootGiB), "ephemeral_gb": JSONValue(instance.ephemeralGiB),
            "host": raw("host"), "availability_zone": raw("availability_zone"),
            "created_at": date(instance.fields["created_at"]?.string), "deleted_at": date(instance.terminatedAt?.iso),
            "launched_at": date(instance.launchedAt?.iso), "image_ref_url": .string("\(glanceURL)/images/\(reference)"),
            "os_type": raw("os_type"), "kernel_id": .string(instance.kernelID ?? ""),
            "ramdisk_id": .string(instance.ramdiskID ?? ""), "state": JSONValue(instance.vmState?.rawValue),
            "state_description": .string(instance.taskState?.rawValue ?? ""), "access_ip_v4": raw("access_ip_v4"),
            "access_ip_v6": raw("access_ip_v6"), "image_meta": row.details[Self.imageMetadataKey] ?? .object([:]),
            "metadata": instance.fields["metadata"].flatMap { $0.isNull ? nil : $0 } ?? [],
        ]
    }

    /// What `compute.instance.update` adds to the base.
    ///
    /// - Parameter old: the states before; nil where neither is one whose change is told.
    func update(_ row: StoredInstance, old: (vmState: VMState?, taskState: TaskState?)?, at now: Timestamp) -> JSONObject {
        var payload = base(row)
        payload["old_state"] = JSONValue(old?.vmState?.rawValue)
        payload["state"] = JSONValue(row.instance.vmState?.rawValue)
        payload["old_task_state"] = JSONValue(old?.taskState?.rawValue)
        payload["new_task_state"] = JSONValue(row.instance.taskState?.rawValue)
        payload["audit_period_beginning"] = .string(auditPeriod.beginning(of: now).iso)
        payload["audit_period_ending"] = .string(now.iso)
        payload["bandwidth"] = .object([:])
        return payload
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
