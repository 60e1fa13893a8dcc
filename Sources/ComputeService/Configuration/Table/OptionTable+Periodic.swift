// SPDX-License-Identifier: Apache-2.0

internal import ComputeManager

extension OptionTable {
    /// What the worker does by itself, and what instances may claim; nova's names and defaults.
    static let periodicOptions: [ConfigurationOption] = [
        option(
            "periodic_enable", .boolean, default: "true",
            "Run periodic tasks at all, the reading of all guests included."),
        option(
            "periodic_interval", .integer(1...86400), default: "60",
            "Seconds between runs of the periodic tasks that have no interval of their own."),
        option(
            "periodic_fuzzy_delay", .integer(0...86400), default: "60",
            "Seconds by which the first run of each is put off at most, at random."),
        option(
            "update_resources_interval", .integer(0...86400), default: "0",
            "Seconds between looks at what the host has; 0: periodic_interval."),
        option(
            "report_interval", .integer(1...86400), default: "10",
            "Seconds between beats of the gauge compute_heartbeat; nova's row in the services table is not written."),
        option(
            "host_state_interval", .integer(1...86400), default: "120",
            "Seconds for which what the scheduler is told may be the same; see scheduler_reports."),
        option(
            "sync_power_state_interval", .integer(-1...86400), default: "600",
            "Seconds between readings of all guests, beside the hypervisor's events; 0: 600, below 0: none."),
        option(
            "instance_build_timeout", .integer(0...31_536_000), default: "0",
            "Seconds after which a build ends with an ERROR; 0: never."),
        option(
            "reboot_timeout", .integer(0...31_536_000), default: "0",
            "Seconds after which a soft reboot is followed by a hard one; 0: never."),
        option(
            "rescue_timeout", .integer(0...31_536_000), default: "0",
            "Seconds after which a rescued instance is unrescued; 0: never."),
        option(
            "resize_confirm_window", .integer(0...31_536_000), default: "0",
            "Seconds after which a resize is confirmed; 0: never."),
        option(
            "reclaim_instance_interval", .integer(0...31_536_000), default: "0",
            "Seconds after which what was deleted softly is deleted; 0: never."),
        option(
            "running_deleted_instance_action",
            .choice(PeriodicConfiguration.RunningDeletedAction.allCases.map(\.rawValue)), default: "log",
            "What becomes of guests whose instance was deleted on this host: log, reap or noop."),
        option(
            "running_deleted_instance_poll_interval", .integer(1...31_536_000), default: "1800",
            "Seconds between looks for them."),
        option(
            "running_deleted_instance_timeout", .integer(0...31_536_000), default: "0",
            "Seconds for which such a guest is left alone."),
        option(
            "instance_usage_audit", .boolean, default: "false",
            "Send compute.instance.exists for each instance when an instance_usage_audit_period ends."),
        option(
            "bandwidth_poll_interval", .integer(-1...86400), default: "600", aliases: ["bandwith_poll_interval"],
            "Seconds between readings of the guests' interfaces; 0: 600, below 0: none."),
        option(
            "image_cache_manager_interval", .integer(-1...31_536_000), default: "2400",
            "Seconds between looks after the image cache; 0: 2400, below 0: none."),
        option(
            "heal_instance_info_cache_interval", .integer(-1...86400), default: "60",
            "Seconds between questions to the network service, for one instance each; 0: 60, below 0: none."),
        option(
            "scheduler_topic", .hostName, default: "scheduler", "Topic of the scheduler, and of its fanout exchange."),
        option(
            "cpu_allocation_ratio", .number(0 ... .infinity), default: "0.0",
            "How often a processor may be claimed where the scheduler sends no limit; 0.0: without limit, as in nova."),
        option(
            "ram_allocation_ratio", .number(0 ... .infinity), default: "0.0",
            "The same for memory."),
        option(
            "disk_allocation_ratio", .number(0 ... .infinity), default: "0.0",
            "The same for disks."),
        option(
            "reserved_host_memory_mb", .integer(0 ... 1_000_000_000), default: "512",
            "MiB that are kept from every limit for the host."),
        option(
            "reserved_host_disk_mb", .integer(0 ... 1_000_000_000), default: "0",
            "MiB of disk that are kept from every limit for the host."),
    ]

    private static func option(
        _ key: String, _ kind: OptionKind, default fallback: ConfigurationOption.Fallback, aliases: [String] = [],
        _ help: String
    ) -> ConfigurationOption {
        ConfigurationOption(
            "DEFAULT", key, kind, default: fallback, aliases: aliases.map { OptionName("DEFAULT", $0) }, help)
    }
}
