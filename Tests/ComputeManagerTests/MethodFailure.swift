// SPDX-License-Identifier: Apache-2.0

import ComputeDriver
@testable import ComputeManager
import ComputeModel

/// How one method fails, what it tells then, and the states that it leaves.
///
/// The driver's call fails; where a method asks no driver, it is refused for a reason that nova has too.
struct MethodFailure: Sendable, CustomStringConvertible {
    let method: String
    /// The driver's call that fails; nil where another reason is at hand.
    let operation: DriverOperation?
    /// Told in place of the success's arguments.
    let arguments: JSONObject
    /// Seconds that the worker waits on its way to the failure.
    let waits: Int
    let kind: String
    /// As a success's; of a failure the methods by whose names it is told.
    let tells: [String]
    let leaves: String?
    let configure: @Sendable (inout ManagerConfiguration) -> Void

    private init(
        _ method: String, _ operation: DriverOperation? = nil, arguments: JSONObject = [:], waits: Int = 0,
        kind: String = "hypervisorFailure", tells: [String] = [], errors: [String]? = nil,
        leaves: String? = "active/-/1", configure: @escaping @Sendable (inout ManagerConfiguration) -> Void = { _ in }
    ) {
        self.method = method
        self.operation = operation
        self.arguments = arguments
        self.waits = waits
        self.kind = kind
        self.tells = tells + (errors ?? [method]).map { "error \($0)" }
        self.leaves = leaves
        self.configure = configure
    }

    var description: String { method }

    static let all = lifecycle + guests + moves + devices + host + reads

    private static let lifecycle = [
        MethodFailure(
            "run_instance", .spawn,
            tells: [
                "update building/scheduling > building/-", "create.start building/-", "update building/-",
                "update building/- > building/networking",
                "update building/networking > building/block_device_mapping",
                "update building/block_device_mapping > building/spawning",
                "update building/spawning > error/spawning", "update error/spawning > error/-",
            ], leaves: "error/-/0"),
        // Folsom went on to reboot.end, and told nobody else.
        MethodFailure(
            "reboot_instance", .reboot,
            tells: ["reboot.start active/rebooting", "update active/rebooting", "update active/rebooting > active/-"]),
        // Once it was tried often enough; the task stays: the delete is to be asked for again.
        MethodFailure(
            "terminate_instance", .destroy,
            tells: [
                "delete.start active/deleting", "shutdown.start active/deleting",
                "update active/deleting > error/deleting",
            ], leaves: "error/deleting/1", configure: { $0.deleteRetryTime = .zero }),
        MethodFailure(
            "start_instance", .powerOn,
            tells: ["power_on.start stopped/starting", "update stopped/starting > stopped/-"],
            errors: ["power_on_instance", "start_instance"], leaves: "stopped/-/4"),
        MethodFailure(
            "stop_instance", .powerOff, tells: ["power_off.start active/stopping", "update active/stopping > active/-"],
            errors: ["power_off_instance", "stop_instance"]),
        MethodFailure(
            "power_on_instance", .powerOn,
            tells: ["power_on.start soft-delete/powering-on", "update soft-delete/powering-on > soft-delete/-"],
            leaves: "soft-delete/-/4"),
        MethodFailure(
            "power_off_instance", .powerOff,
            tells: ["power_off.start active/powering-off", "update active/powering-off > active/-"]),
    ]

    private static let guests = [
        MethodFailure("pause_instance", .pause, tells: ["update active/pausing > active/-"]),
        MethodFailure(
            "unpause_instance", .unpause, tells: ["update paused/unpausing > paused/-"], leaves: "paused/-/3"),
        MethodFailure(
            "suspend_instance", .suspend,
            tells: ["update active/suspending > error/suspending", "update error/suspending > error/-"],
            leaves: "error/-/1"),
        MethodFailure(
            "resume_instance", .resume, tells: ["update suspended/resuming > suspended/-"], leaves: "suspended/-/4"),
        MethodFailure(
            "rescue_instance", .rescue,
            tells: ["update active/rescuing > error/rescuing", "update error/rescuing > error/-"], leaves: "error/-/1"),
        MethodFailure(
            "unrescue_instance", .unrescue,
            tells: ["update rescued/unrescuing > error/unrescuing", "update error/unrescuing > error/-"],
            leaves: "error/-/1"),
        MethodFailure(
            "snapshot_instance", .snapshot,
            tells: [
                "update active/image_backup", "snapshot.start active/image_backup",
                "update active/image_backup > active/-",
            ]),
        MethodFailure(
            "rebuild_instance", .rebuild,
            tells: [
                "exists active/rebuilding", "rebuild.start active/rebuilding", "update active/rebuilding",
                "update active/rebuilding > active/rebuild_block_device_mapping",
                "update active/rebuild_block_device_mapping > active/rebuild_spawning",
                "update active/rebuild_spawning > error/rebuild_spawning", "update error/rebuild_spawning > error/-",
            ], leaves: "error/-/1"),
        MethodFailure(
            "set_admin_password", .setAdminPassword, waits: SetAdminPassword.tries - 1,
            kind: "instancePasswordSetFailed",
            tells: [
                "update active/updating_password > error/updating_password", "update error/updating_password > error/-",
            ], leaves: "error/-/1"),
        MethodFailure("inject_file", .injectFile, tells: ["update active/-"]),
        MethodFailure("change_instance_metadata", .changeMetadata, tells: ["update active/-"]),
    ]

    private static let moves = [
        MethodFailure(
            "prep_resize", kind: "migrationFailure",
            tells: [
                "exists active/resize_prep", "resize.prep.start active/resize_prep",
                "update active/resize_prep > error/resize_prep", "update error/resize_prep > error/-",
            ], leaves: "error/-/1"
        ) { $0.allowsResizeToSameHost = false },
        MethodFailure(
            "resize_instance", .migrateDiskAndPowerOff,
            tells: [
                "update active/resize_prep > active/resize_migrating", "resize.start active/resize_migrating",
                "update active/resize_migrating > error/resize_migrating", "update error/resize_migrating > error/-",
            ], leaves: "error/-/1"),
        MethodFailure(
            "finish_resize", .finishMigration,
            tells: [
                "update active/resize_migrated", "update active/resize_migrated > active/resize_finish",
                "finish_resize.start active/resize_finish", "update active/resize_finish > error/resize_finish",
                "update error/resize_finish > error/-",
            ], leaves: "error/-/1"),
        MethodFailure(
            "confirm_resize", .confirmMigration, tells: ["resize.confirm.start active/-", "update active/- > error/-"],
            leaves: "error/-/1"),
        MethodFailure(
            "revert_resize", .destroy,
            tells: [
                "update resized/resize_reverting > error/resize_reverting", "update error/resize_reverting > error/-",
            ], leaves: "error/-/1"),
        MethodFailure(
            "finish_revert_resize", .finishRevertMigration,
            tells: [
                "resize.revert.start resized/resize_reverting", "update resized/resize_reverting",
                "update resized/resize_reverting > error/resize_reverting", "update error/resize_reverting > error/-",
            ], leaves: "error/-/1"),
        // Of a live migration's failures Folsom told by the update alone.
        MethodFailure("check_can_live_migrate_destination", .checkLiveMigrationDestination, leaves: nil),
        MethodFailure("check_can_live_migrate_source", .checkLiveMigrationSource),
        MethodFailure("live_migration", .liveMigrate, tells: ["update active/migrating > active/-"]),
        MethodFailure("pre_live_migration", .prepareLiveMigration, leaves: nil),
        MethodFailure(
            "post_live_migration_at_destination", .finishLiveMigrationAtDestination, leaves: "active/migrating/0"),
        MethodFailure(
            "rollback_live_migration_at_destination", .rollBackLiveMigrationAtDestination,
            leaves: "active/migrating/0"),
    ]

    private static let devices = [
        MethodFailure("reserve_block_device_name", arguments: ["device": "/dev/vda"], kind: "devicePathInUse"),
        MethodFailure("attach_volume", .attachVolume, tells: ["update active/-"]),
        MethodFailure("detach_volume", .detachVolume, tells: ["update active/-"]),
        MethodFailure("remove_volume_connection", .detachVolume),
        MethodFailure(
            "add_fixed_ip_to_instance", .injectNetworkInfo, tells: ["create_ip.start active/-", "update active/-"]),
        MethodFailure(
            "remove_fixed_ip_from_instance", .injectNetworkInfo,
            tells: ["delete_ip.start active/-", "update active/-"]),
        MethodFailure("inject_network_info", .injectNetworkInfo),
        MethodFailure("reset_network", .resetNetwork, tells: ["update active/-"]),
        MethodFailure("refresh_instance_security_rules", .refreshSecurityRules),
    ]

    private static let host = [
        MethodFailure("host_power_action", .hostPowerAction),
        MethodFailure("host_maintenance_mode", .setMaintenance),
        MethodFailure("set_host_enabled", .setHostEnabled),
        MethodFailure("add_aggregate_host", .addToAggregate),
        MethodFailure("remove_aggregate_host", .removeFromAggregate),
        MethodFailure("refresh_security_group_rules", .refreshSecurityGroupRules),
        MethodFailure("refresh_security_group_members", .refreshSecurityGroupMembers),
        MethodFailure("refresh_provider_fw_rules", .refreshProviderRules),
    ]

    private static let reads = [
        MethodFailure("get_console_output", .consoleOutput),
        MethodFailure("get_host_uptime", .hostUptime),
        MethodFailure("get_diagnostics", .diagnostics),
        MethodFailure("get_vnc_console", .vncConsole),
        MethodFailure("validate_console_port", .vncConsole),
        MethodFailure("get_console_pool_info", .consolePool),
        MethodFailure("get_console_topic", arguments: ["surplus": 1], kind: "badArguments"),
    ]
}
