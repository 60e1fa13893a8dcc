// SPDX-License-Identifier: Apache-2.0

import ComputeModel

/// A method of nova's compute RPC API of Folsom (`nova/compute/rpcapi.py`, 2.0 to 2.2), with a request that a worker
/// with the fake driver and a volume, but without peers, can answer.
struct FolsomMethod: Sendable {
    /// What a caller gets.
    enum Answer: Sendable {
        case result
        /// A failure of this class of nova's, or of Python's.
        case refusal(String)
    }

    let name: String
    /// The version that nova's own client asks for.
    let version: String
    /// Beside the instance.
    let arguments: JSONObject
    let isAboutInstance: Bool
    /// What is done to the instance before.
    let before: [FolsomMethod]
    let answer: Answer

    private init(
        _ name: String, _ arguments: JSONObject = JSONObject(), version: String = "2.0", of instance: Bool = true,
        after before: [FolsomMethod] = [], _ answer: Answer = .result
    ) {
        self.name = name
        self.arguments = arguments
        self.version = version
        isAboutInstance = instance
        self.before = before
        self.answer = answer
    }

    /// The volume that there is.
    static let volume = "3a5e9a52-3ad3-4a0c-9e50-4f5f1ee2b0aa"
    private static let image: JSONValue = "70a599e0-31e7-49b7-b260-868f441e862b"
    private static let flavor: JSONValue = [
        "id": 2, "name": "m1.small", "flavorid": "2", "memory_mb": 1024, "vcpus": 1, "root_gb": 10, "ephemeral_gb": 0,
        "swap": 0, "rxtx_factor": 1, "vcpu_weight": nil,
    ]
    private static let reserve = FolsomMethod("reserve_block_device_name", ["device": nil])
    private static let attach = FolsomMethod(
        "attach_volume", ["volume_id": .string(volume), "mountpoint": "/dev/vdb"], after: [reserve])
    private static let pause = FolsomMethod("pause_instance")
    private static let suspend = FolsomMethod("suspend_instance")
    private static let rescue = FolsomMethod("rescue_instance", ["rescue_password": "letmein"])
    private static let stop = FolsomMethod("stop_instance")

    /// All of them, in the order of the alphabet.
    static let all: [FolsomMethod] = [
        FolsomMethod(
            "add_aggregate_host", ["aggregate_id": 1, "host": "two", "slave_info": nil], version: "2.2", of: false),
        FolsomMethod(
            "add_fixed_ip_to_instance", ["network_id": "1e2ff1bd-9cb0-4b16-9d7f-6c1f5d2f0f11"], .refusal("Invalid")),
        attach,
        FolsomMethod("change_instance_metadata", ["diff": ["role": ["+", "web"], "old": ["-"]]]),
        FolsomMethod(
            "check_can_live_migrate_destination", ["block_migration": false, "disk_over_commit": false],
            .refusal("MigrationError")),
        FolsomMethod("check_can_live_migrate_source", ["dest_check_data": [:]]),
        FolsomMethod(
            "confirm_resize", ["migration_id": 1, "reservations": nil], .refusal("InstanceInvalidState")),
        FolsomMethod("detach_volume", ["volume_id": .string(volume)], after: [reserve, attach]),
        FolsomMethod(
            "finish_resize", ["migration_id": 1, "image": [:], "disk_info": "[]", "reservations": nil],
            .refusal("MigrationError")),
        FolsomMethod("finish_revert_resize", ["migration_id": 1, "reservations": nil], .refusal("MigrationError")),
        FolsomMethod("get_console_output", ["tail_length": 1]),
        FolsomMethod("get_console_pool_info", ["console_type": "novnc"], of: false),
        FolsomMethod("get_console_topic", of: false),
        FolsomMethod("get_diagnostics"),
        FolsomMethod("get_host_uptime", of: false),
        FolsomMethod("get_vnc_console", ["console_type": "novnc"]),
        FolsomMethod("host_maintenance_mode", ["host": "one", "mode": false], of: false),
        FolsomMethod("host_power_action", ["action": "startup"], of: false),
        FolsomMethod("inject_file", ["path": "L3RtcC9m", "file_contents": "aGVsbG8="]),
        FolsomMethod("inject_network_info"),
        FolsomMethod(
            "live_migration", ["dest": "nowhere", "block_migration": false, "migrate_data": nil],
            .refusal("ServiceUnavailable")),
        pause,
        FolsomMethod("post_live_migration_at_destination", ["block_migration": false]),
        FolsomMethod("power_off_instance"),
        FolsomMethod("power_on_instance", after: [FolsomMethod("power_off_instance")]),
        FolsomMethod("pre_live_migration", ["block_migration": false, "disk": nil], .refusal("Invalid")),
        FolsomMethod(
            "prep_resize", ["image": [:], "instance_type": flavor, "reservations": nil], .refusal("MigrationError")),
        FolsomMethod("reboot_instance", ["reboot_type": "HARD"]),
        FolsomMethod(
            "rebuild_instance",
            [
                "image_ref": image, "orig_image_ref": image, "injected_files": [], "new_pass": "x",
                "orig_sys_metadata": [:],
            ], version: "2.1"),
        FolsomMethod("refresh_instance_security_rules"),
        FolsomMethod("refresh_provider_fw_rules", of: false),
        FolsomMethod("refresh_security_group_members", ["security_group_id": 1], of: false),
        FolsomMethod("refresh_security_group_rules", ["security_group_id": 1], of: false),
        FolsomMethod(
            "remove_aggregate_host", ["aggregate_id": 1, "host": "two", "slave_info": nil], version: "2.2", of: false),
        FolsomMethod("remove_fixed_ip_from_instance", ["address": "10.0.0.3"], .refusal("Invalid")),
        FolsomMethod("remove_volume_connection", ["volume_id": .string(volume)]),
        rescue,
        reserve,
        FolsomMethod("reset_network"),
        FolsomMethod(
            "resize_instance", ["migration_id": 1, "image": [:], "reservations": nil], .refusal("MigrationError")),
        FolsomMethod("resume_instance", after: [suspend]),
        FolsomMethod("revert_resize", ["migration_id": 1, "reservations": nil], .refusal("MigrationError")),
        FolsomMethod("rollback_live_migration_at_destination"),
        FolsomMethod("run_instance", ["is_first_time": true], .refusal("InstanceExists")),
        FolsomMethod("set_admin_password", ["new_pass": "x"]),
        FolsomMethod("set_host_enabled", ["enabled": true], of: false),
        FolsomMethod(
            "snapshot_instance",
            [
                "image_id": "0d2b1f2e-6c1a-4b0e-9f53-2f6a1c2d3e4f", "image_type": "snapshot", "backup_type": nil,
                "rotation": nil,
            ]),
        FolsomMethod("start_instance", after: [stop]),
        stop,
        suspend,
        FolsomMethod("terminate_instance"),
        FolsomMethod("unpause_instance", after: [pause]),
        FolsomMethod("unrescue_instance", after: [rescue]),
        FolsomMethod("validate_console_port", ["port": "5900", "console_type": "novnc"]),
    ]
}
