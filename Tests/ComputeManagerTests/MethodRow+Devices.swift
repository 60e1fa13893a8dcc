// SPDX-License-Identifier: Apache-2.0

import ComputeModel

extension MethodRow {
    private static let attachVolume = MethodRow(
        "attach_volume", ["volume_id": "v", "mountpoint": "/dev/vdb"], hasServices: true)

    /// Told by no event but those of an address; nothing of an instance's states changes.
    static let devices: [MethodRow] = [
        MethodRow("reserve_block_device_name", ["device": nil]),
        attachVolume,
        MethodRow("detach_volume", ["volume_id": "v"], after: [attachVolume], hasServices: true),
        MethodRow("remove_volume_connection", ["volume_id": "v"], after: [attachVolume], hasServices: true),
        MethodRow(
            "add_fixed_ip_to_instance", ["network_id": 1],
            tells: ["create_ip.start active/-", "create_ip.end active/-"], hasServices: true),
        MethodRow(
            "remove_fixed_ip_from_instance", ["address": "192.0.2.7"],
            tells: ["delete_ip.start active/-", "delete_ip.end active/-"], hasServices: true),
        MethodRow("inject_network_info"), MethodRow("reset_network"), MethodRow("refresh_instance_security_rules"),
    ]
}
