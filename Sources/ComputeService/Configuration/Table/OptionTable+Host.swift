// SPDX-License-Identifier: Apache-2.0

extension OptionTable {
    static let hostOptions: [ConfigurationOption] = [
        ConfigurationOption(
            "DEFAULT", "host", .hostName, default: .fact(.hostName, saying: "the machine's host name"),
            "Name of this worker: its queue is compute.<host>, and instances belong to it. Never change it."),
        ConfigurationOption(
            "DEFAULT", "my_ip", .word, default: .fact(.address, saying: "the address this machine speaks from"),
            "Address of this machine, told to others and usable as $my_ip."),
        ConfigurationOption(
            "DEFAULT", "state_path", .path, default: "/var/lib/nova",
            "Directory of the worker's own state: journal, lock, images."),
        ConfigurationOption(
            "DEFAULT", "instances_path", .path, default: "$state_path/instances",
            "Directory of the instances' disks, one directory for each uuid."),
    ]

    static let driverOptions: [ConfigurationOption] = [
        ConfigurationOption(
            "DEFAULT", "compute_driver", .text, sample: "libvirt.LibvirtDriver",
            "Driver of the hypervisor: libvirt.LibvirtDriver or fake.FakeDriver, nova's dotted forms as well. Required."
        ),
        ConfigurationOption(
            "DEFAULT", "connection_type", .text,
            "Folsom's name of the hypervisor (libvirt, fake), where compute_driver is unset or get_connection."),
    ]

    static let managerOptions: [ConfigurationOption] = [
        ConfigurationOption(
            "DEFAULT", "executor_thread_pool_size", .integer(1...1024), default: "64",
            aliases: [OptionName("DEFAULT", "rpc_thread_pool_size")],
            "Instances that are worked on at once."),
        ConfigurationOption(
            "DEFAULT", "max_concurrent_builds", .integer(0...1024), default: "10",
            "Instances that are built at once; 0 sets no limit of its own."),
        ConfigurationOption(
            "DEFAULT", "allow_resize_to_same_host", .boolean, default: "false",
            "Whether an instance may be resized on the host where it is; else that ends in ERROR."),
        ConfigurationOption(
            "DEFAULT", "resume_guests_state_on_host_boot", .boolean, default: "false",
            "Whether the worker, when it starts, starts guests that ran when it saw them last and are off now."),
        ConfigurationOption(
            "DEFAULT", "rpc_response_timeout", .integer(1...86400), default: "60",
            "Seconds that a call waits for its answer."),
        ConfigurationOption(
            "DEFAULT", "console_host", .hostName, default: "$host",
            "Host whose console service serves this one; get_console_topic tells it."),
        ConfigurationOption(
            "DEFAULT", "network_topic", .hostName, default: "network", "Topic at which nova-network is asked."),
        ConfigurationOption(
            "DEFAULT", "volume_topic", .hostName, default: "volume", "Topic at which nova-volume is asked."),
        ConfigurationOption(
            "DEFAULT", "consoleauth_topic", .hostName, default: "consoleauth",
            "Topic at which nova-consoleauth is asked."),
        ConfigurationOption(
            "DEFAULT", "graceful_shutdown_timeout", .integer(0...86400), default: "180",
            "Seconds that SIGTERM gives what runs to end; 0 waits for ever."),
        ConfigurationOption(
            "DEFAULT", "instance_usage_audit_period", .auditPeriod, default: "month",
            "Period of the audit_period_* keys in events."),
    ]

    static let loggingOptions: [ConfigurationOption] = [
        ConfigurationOption(
            "DEFAULT", "debug", .boolean, default: "false", mutable: true, "Log at level debug rather than info."),
        ConfigurationOption(
            "DEFAULT", "log_file", .text, aliases: [OptionName("DEFAULT", "logfile")],
            "File to log to, relative to log_dir; unset: standard error."),
        ConfigurationOption(
            "DEFAULT", "log_dir", .path, aliases: [OptionName("DEFAULT", "logdir")],
            "Directory of log_file; alone, the file is compute-worker.log."),
        ConfigurationOption(
            "DEFAULT", "use_json", .boolean, default: "false", "Log one JSON object a line."),
        ConfigurationOption(
            "DEFAULT", "verbose", .boolean, default: "true",
            standing: .ignored(because: "info is always logged; write debug for more"),
            "Folsom's switch for level info."),
        ConfigurationOption(
            "DEFAULT", "use_syslog", .boolean, default: "false",
            standing: .ignored(because: "the log goes to standard error or a file; systemd-cat and logger carry it on"),
            "Log to syslog."),
    ]
}
