// SPDX-License-Identifier: Apache-2.0

import ComputeModel

extension MethodRow {
    /// Told by no event but those of an address; nothing of an instance's states changes.
    static let devices: [MethodRow] = [
        MethodRow("reserve_block_device_name", ["device": nil]),
        MethodRow(
            "attach_volume", ["volume_id": "v", "mountpoint": "/dev/vdb"],
            tells: ["update active/-", "error attach_volume"]),
        MethodRow("detach_volume", ["volume_id": "v"], tells: ["update active/-", "error detach_volume"]),
        MethodRow("remove_volume_connection", ["volume_id": "v"]),
        MethodRow("add_fixed_ip_to_instance", ["network_id": 1], tells: ["error add_fixed_ip_to_instance"]),
        MethodRow(
            "remove_fixed_ip_from_instance", ["address": "192.0.2.7"], tells: ["error remove_fixed_ip_from_instance"]),
        MethodRow("inject_network_info"), MethodRow("reset_network"), MethodRow("refresh_instance_security_rules"),
    ]
}
