// SPDX-License-Identifier: Apache-2.0

import ComputeModel

extension MethodRow {
    /// Nothing is told of a host's operation that succeeds.
    static let host: [MethodRow] = [
        MethodRow("host_power_action", ["action": "startup"], of: false),
        MethodRow("host_maintenance_mode", ["host": "compute1", "mode": true], of: false),
        MethodRow("set_host_enabled", ["enabled": true], of: false),
        MethodRow("add_aggregate_host", ["aggregate_id": 1, "host": "two"], version: "2.2", of: false),
        MethodRow("remove_aggregate_host", ["aggregate_id": 1, "host": "two"], version: "2.2", of: false),
        MethodRow("refresh_security_group_rules", ["security_group_id": 1], of: false),
        MethodRow("refresh_security_group_members", ["security_group_id": 1], of: false),
        MethodRow("refresh_provider_fw_rules", of: false),
    ]
}
