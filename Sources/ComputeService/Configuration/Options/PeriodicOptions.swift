// SPDX-License-Identifier: Apache-2.0

public import ComputeManager
internal import Configuration

/// What the worker does by itself, and what instances may claim of the host.
public struct PeriodicOptions: Sendable, Equatable {
    /// The periodic tasks; nil where `[DEFAULT] periodic_enable` is false.
    public var tasks: PeriodicConfiguration?
    /// `[DEFAULT] sync_power_state_interval`; nil for never, and where `periodic_enable` is false: the start, each
    /// reconnect and the hypervisor's events still raise their suspicions.
    public var powerSyncInterval: Duration?
    /// `[DEFAULT] cpu_allocation_ratio` and the like.
    public var claims: ClaimRules

    init(config: ConfigReader) throws {
        func seconds(_ key: ConfigKey) throws -> Duration { .seconds(try config.requiredInt(forKey: key)) }
        /// Nil for 0.
        func timeout(_ key: ConfigKey) throws -> Duration? {
            let value = try seconds(key)
            return value == .zero ? nil : value
        }
        /// Nova's spacing: 0 is the default, and below is never.
        func spacing(_ key: ConfigKey, _ fallback: Duration) throws -> Duration? {
            let value = try seconds(key)
            return value < .zero ? nil : value == .zero ? fallback : value
        }
        claims = ClaimRules(
            cpuRatio: try config.requiredDouble(forKey: "cpu_allocation_ratio"),
            memoryRatio: try config.requiredDouble(forKey: "ram_allocation_ratio"),
            diskRatio: try config.requiredDouble(forKey: "disk_allocation_ratio"),
            reservedMemoryMiB: try config.requiredInt(forKey: "reserved_host_memory_mb"),
            reservedDiskMiB: try config.requiredInt(forKey: "reserved_host_disk_mb"))
        guard try config.requiredBool(forKey: "periodic_enable") else { return }
        powerSyncInterval = try spacing("sync_power_state_interval", .seconds(600))
        var tasks = PeriodicConfiguration()
        tasks.interval = try seconds("periodic_interval")
        tasks.fuzzyDelay = try seconds("periodic_fuzzy_delay")
        tasks.resourceInterval = try spacing("update_resources_interval", tasks.interval)
        let worker = config.scoped(to: "compute_worker")
        let reports = try worker.requiredString(forKey: "scheduler_reports", as: SchedulerReports.self)
        tasks.reportInterval = reports == .fanout ? tasks.interval : nil
        tasks.isEnveloped =
            try worker.requiredString(forKey: "peer_message_format", as: PeerMessageFormat.self) == .enveloped
        tasks.hostStateInterval = try seconds("host_state_interval")
        tasks.hostAddress = try config.requiredString(forKey: "my_ip")
        tasks.heartbeatInterval = try seconds("report_interval")
        tasks.buildTimeout = try timeout("instance_build_timeout")
        tasks.rebootTimeout = try timeout("reboot_timeout")
        tasks.rescueTimeout = try timeout("rescue_timeout")
        tasks.resizeConfirmWindow = try timeout("resize_confirm_window")
        tasks.reclaimInterval = try timeout("reclaim_instance_interval")
        tasks.runningDeletedAction = try config.requiredString(
            forKey: "running_deleted_instance_action", as: PeriodicConfiguration.RunningDeletedAction.self)
        tasks.runningDeletedInterval = try seconds("running_deleted_instance_poll_interval")
        tasks.runningDeletedTimeout = try seconds("running_deleted_instance_timeout")
        tasks.usageAudit = try config.requiredBool(forKey: "instance_usage_audit")
        tasks.bandwidthInterval = try spacing("bandwidth_poll_interval", .seconds(600))
        tasks.imageCacheInterval = try spacing("image_cache_manager_interval", .seconds(2400))
        tasks.healInterval = try spacing("heal_instance_info_cache_interval", .seconds(60))
        self.tasks = tasks
    }
}

/// Whether schedulers are told what the host has.
public enum SchedulerReports: String, Sendable, Hashable, CaseIterable {
    case none
    /// To all of them, as nova-compute of Folsom does.
    case fanout
}
