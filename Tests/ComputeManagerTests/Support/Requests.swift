// SPDX-License-Identifier: Apache-2.0

import ComputeModel

/// Requests for tests that don't need recorded ones.
enum Requests {
    static let id = "f53be0a8-2c05-413b-b16b-7b044ffa6469"
    static let instanceID = UniqueBits(high: 0xF53B_E0A8_2C05_413B, low: 0xB16B_7B04_4FFA_6469)

    static var instance: JSONObject {
        [
            "uuid": .string(id), "id": 1, "name": "instance-00000001", "project_id": "p", "user_id": "u",
            "display_name": "web-1", "image_ref": "cirros", "memory_mb": 512, "vcpus": 1, "root_gb": 1,
            "ephemeral_gb": 0, "vm_state": "building", "task_state": "scheduling", "power_state": 0, "host": nil,
            "created_at": "2026-11-23T02:02:30.929283", "instance_type": ["name": "m1.tiny", "id": 1, "swap": 0],
            "instance_type_id": 1, "metadata": [], "config_drive": "",
        ]
    }

    static func of(
        _ id: String, _ method: String, _ arguments: JSONObject = JSONObject(), message: String? = nil,
        change: (inout JSONObject) -> Void = { _ in }
    ) -> [UInt8] {
        var instance = instance
        instance["uuid"] = .string(id)
        if method != "run_instance" {
            instance["vm_state"] = "active"
            instance["task_state"] = nil
        }
        change(&instance)
        var all = arguments
        all["instance"] = .object(instance)
        var body: JSONObject = [
            "method": .string(method), "version": "2.0", "args": .object(all),
            "_context_request_id": "req-72d24b71-bace-4717-a735-6326481b9a43", "_context_auth_token": "TOKEN-CANARY",
            "_context_is_admin": false, "_context_roles": ["Member"],
        ]
        if let message { body["_msg_id"] = .string(message) }
        return JSONWriter.bytes(.object(body))
    }

    static func run(
        _ id: String = id, _ arguments: JSONObject = JSONObject(), change: (inout JSONObject) -> Void = { _ in }
    ) -> [UInt8] {
        of(id, "run_instance", arguments, change: change)
    }

    /// Arguments of a build that nova's rule lets go back to the scheduler.
    static var retry: JSONObject {
        [
            "request_spec": ["instance_uuids": [.string(id), "another"], "image": ["name": "cirros"]],
            "filter_properties": ["retry": ["num_attempts": 1, "hosts": ["compute1"]], "limits": [:]],
            "requested_networks": nil, "injected_files": nil, "admin_password": "PASSWORD-CANARY",
            "is_first_time": true,
        ]
    }
}
