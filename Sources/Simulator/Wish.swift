// SPDX-License-Identifier: Apache-2.0

internal import ComputeManager
internal import ComputeModel

/// Something that a client asked for.
struct Wish {
    enum Method: String, CaseIterable {
        case run = "run_instance"
        case softReboot = "reboot_instance SOFT"
        case hardReboot = "reboot_instance HARD"
        case start = "start_instance"
        case stop = "stop_instance"
        case powerOn = "power_on_instance"
        case powerOff = "power_off_instance"
        case terminate = "terminate_instance"
        case pause = "pause_instance"
        case unpause = "unpause_instance"
        case suspend = "suspend_instance"
        case resume = "resume_instance"
        case rescue = "rescue_instance"
        case unrescue = "unrescue_instance"
        case snapshot = "snapshot_instance"
        case backup = "snapshot_instance backup"
        case rebuild = "rebuild_instance"
        case setPassword = "set_admin_password"
        case injectFile = "inject_file"
        case changeMetadata = "change_instance_metadata"
        case prepareResize = "prep_resize"
        case resize = "resize_instance"
        case finishResize = "finish_resize"
        case confirmResize = "confirm_resize"
        case revertResize = "revert_resize"
        case finishRevertResize = "finish_revert_resize"
        case liveMigration = "live_migration"
        case prepareLiveMigration = "pre_live_migration"
        case finishLiveMigration = "post_live_migration_at_destination"
        case rollBackLiveMigration = "rollback_live_migration_at_destination"
        case reserveDevice = "reserve_block_device_name"
        case attachVolume = "attach_volume"
        case detachVolume = "detach_volume"
        case removeVolumeConnection = "remove_volume_connection"
        case addFixedIP = "add_fixed_ip_to_instance"
        case removeFixedIP = "remove_fixed_ip_from_instance"
        case injectNetworkInfo = "inject_network_info"
        case resetNetwork = "reset_network"
        case checkDestination = "check_can_live_migrate_destination"
        case checkSource = "check_can_live_migrate_source"
        case refreshRules = "refresh_instance_security_rules"
        case hostPower = "host_power_action"
        case hostMaintenance = "host_maintenance_mode"
        case hostEnabled = "set_host_enabled"
        case addAggregate = "add_aggregate_host"
        case removeAggregate = "remove_aggregate_host"
        case refreshGroup = "refresh_security_group_rules"
        case refreshMembers = "refresh_security_group_members"
        case refreshProvider = "refresh_provider_fw_rules"
        case console = "get_console_output"
        case uptime = "get_host_uptime"
        case malformed = "malformed"
        case unknownMethod = "attach_moon"

        /// The wire name.
        var name: String { String(rawValue.split(separator: " ")[0]) }

        var isReboot: Bool { self == .softReboot || self == .hardReboot }
        var isJournaled: Bool {
            switch self {
            case .console, .uptime, .malformed, .unknownMethod: false
            default: true
            }
        }

        /// What the worker serves of it, by the wire's names.
        private static let served = Dictionary(
            FolsomDialect.table.methods.map { ($0.method, $0) }, uniquingKeysWith: { first, _ in first })

        var isServed: Bool { Self.served[name] != nil }

        /// The event that tells of its success; nil for what has none.
        var endEvent: String? {
            let last = Self.served[name]?.events.last { $0 != "update" && $0 != "exists" }
            return last.map { "compute.instance.\($0)" }
        }

        /// The event that tells of its beginning; nil for what has none.
        var startEvent: String? {
            endEvent.flatMap { $0.hasSuffix(".end") ? $0.dropLast(3) + "start" : nil }
        }
    }

    let number: Int
    let method: Method
    let instance: InstanceID
    let form: WireForm
    let requestID: String
    /// Where the caller waits; nil for a cast.
    let messageID: String?
    let body: [UInt8]
    /// Messages that are wishes of their own: equal ones without an id.
    var copies = 1
    /// Whether the build may go back to the scheduler.
    let mayGoBack: Bool

    /// Stands in `display_name`, which every driver call carries.
    var mark: String { "wish-\(number)" }

    static func number(ofMark mark: String?) -> Int? {
        mark.flatMap { $0.hasPrefix("wish-") ? Int($0.dropFirst(5)) : nil }
    }
}
