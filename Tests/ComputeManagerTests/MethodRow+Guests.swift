// SPDX-License-Identifier: Apache-2.0

import ComputeModel

extension MethodRow {
    private static let pause = MethodRow(
        "pause_instance", tells: ["update active/pausing > paused/-"], leaves: "paused/-/3")

    private static let suspend = MethodRow(
        "suspend_instance", tells: ["update active/suspending > suspended/-", "suspend suspended/-"],
        leaves: "suspended/-/4")

    private static let rescue = MethodRow(
        "rescue_instance", ["rescue_password": "secret"], tells: ["update active/rescuing > rescued/-"],
        leaves: "rescued/-/1")

    static let guests: [MethodRow] = [
        pause, suspend, rescue,
        MethodRow("unpause_instance", after: [pause], tells: ["update paused/unpausing > active/-"]),
        MethodRow(
            "resume_instance", after: [suspend], tells: ["update suspended/resuming > active/-", "resume active/-"]),
        MethodRow("unrescue_instance", after: [rescue], tells: ["update rescued/unrescuing > active/-"]),
        MethodRow(
            "snapshot_instance", ["image_id": "image-1", "image_type": "backup", "backup_type": "daily", "rotation": 2],
            tells: [
                "update active/image_backup", "snapshot.start active/image_backup",
                "update active/image_backup > active/-", "snapshot.end active/-",
            ]),
        MethodRow(
            "rebuild_instance", ["image_ref": "other", "orig_image_ref": "cirros", "new_pass": "secret"],
            version: "2.1",
            tells: [
                "exists active/rebuilding", "rebuild.start active/rebuilding", "update active/rebuilding",
                "update active/rebuilding > active/rebuild_block_device_mapping",
                "update active/rebuild_block_device_mapping > active/rebuild_spawning",
                "update active/rebuild_spawning > active/-", "rebuild.end active/-",
            ]),
        MethodRow(
            "set_admin_password", ["new_pass": "secret"], tells: ["update active/updating_password > active/-"]),
        MethodRow("inject_file", ["path": "/etc/motd", "file_contents": "aGVsbG8="]),
        MethodRow("change_instance_metadata", ["diff": ["role": ["+", "web"], "old": ["-"]]]),
    ]
}
