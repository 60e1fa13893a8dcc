// SPDX-License-Identifier: Apache-2.0

/// What is known of settings that are no options of the worker: nova's other services, and parts of nova-compute that
/// the worker does not have.
enum ForeignOptions {
    /// The entry for a setting that the table does not know: why it is ignored, or what may have been meant.
    static func setting(_ name: OptionName, origin: ConfigurationOrigin, table: OptionTable) -> IgnoredSetting {
        if name.group == OptionName.defaultGroup, let reason = keys[name.key] {
            return IgnoredSetting(key: name, origin: origin, reason: reason)
        }
        let nearMiss = nearMiss(of: name, table: table)
        if nearMiss == nil, let reason = reason(for: name) {
            return IgnoredSetting(key: name, origin: origin, reason: reason)
        }
        return IgnoredSetting(
            key: name, origin: origin, reason: "no option of the worker",
            suggestion: nearMiss ?? table.options.first { $0.name.key == name.key }?.name)
    }

    /// Why an option is not used, judged by its group or by how its key begins.
    private static func reason(for name: OptionName) -> String? {
        guard name.group == OptionName.defaultGroup else { return groups[name.group] }
        return prefixes.first { name.key.hasPrefix($0.prefix) }?.reason
    }

    /// Today's name of the option of that group (or a group of a similar name) whose key is nearest.
    private static func nearMiss(of name: OptionName, table: OptionTable) -> OptionName? {
        let names = table.options.flatMap { [$0.name] + $0.aliases }
        let group = Spelling.nearest(to: name.group, among: Set(names.map(\.group)).sorted()) ?? name.group
        let keys = names.filter { $0.group == group }.map(\.key)
        guard let key = Spelling.nearest(to: name.key, among: keys) else { return nil }
        return table.canonicalName(of: OptionName(group, key))
    }

    private static let noDatabase = "the worker writes to no nova database"
    private static let network = "network_api says who gives instances their network, and rpc needs no more"
    private static let volume = "volume_api says who has the volumes, and rpc needs no more"
    private static let image = "images come from [compute_worker] image_directory"
    private static let api = "an option of nova's API service"
    private static let scheduler = "an option of nova's scheduler"
    private static let capacity = "the worker asks no placement service; the scheduler decides what fits"
    private static let console = "the worker serves no graphical consoles"
    private static let migration = "the worker does not migrate instances"
    private static let logging = "the log's form is fixed: text, or JSON with use_json"

    private static let groups: [String: String] = [
        "api": api, "wsgi": api, "oslo_policy": api, "oslo_middleware": api, "cors": api, "quota": api,
        "keystone_authtoken": api, "vendordata_dynamic_auth": api,
        "database": noDatabase, "api_database": noDatabase, "conductor": "the worker calls no conductor",
        "upgrade_levels": "the worker calls no other service of nova",
        "neutron": network, "cinder": volume, "glance": image, "image_cache": image,
        "barbican": "the worker asks for no keys", "key_manager": "the worker asks for no keys",
        "keystone": "the worker asks for no tokens", "service_user": "the worker asks for no tokens",
        "placement": capacity, "scheduler": scheduler, "filter_scheduler": scheduler, "metrics": scheduler,
        "vnc": console, "spice": console, "rdp": console, "mks": console, "serial_console": console,
        "console": console, "consoleauth": console,
        "ironic": "this build has no ironic driver", "vmware": "this build has no VMware driver",
        "xenserver": "this build has no Xen driver", "hyperv": "this build has no Hyper-V driver",
        "zvm": "this build has no z/VM driver", "powervm": "this build has no PowerVM driver",
        "cyborg": "the worker asks for no accelerators", "devices": "the worker hands out no devices",
        "pci": "the worker hands out no devices", "manila": "the worker attaches no shares",
        "compute": capacity, "workarounds": "nova-compute's workarounds are not needed",
        "ephemeral_storage_encryption": "disks are not encrypted", "guestfs": "images are not opened on the host",
        "privsep": "the worker runs without a privileged helper", "os_vif_ovs": network, "os_vif_linux_bridge": network,
        "vif_plug_ovs_privileged": network, "vif_plug_linux_bridge_privileged": network,
        "oslo_concurrency": "the worker locks its own state directory",
        "oslo_reports": "there are no reports by signal",
        "oslo_messaging_amqp": "the worker speaks AMQP 0-9-1 only",
        "oslo_messaging_kafka": "the worker speaks AMQP only",
        "profiler": "the worker is not traced by osprofiler",
        "libvirt": "a part of nova's libvirt driver that this build does not have",
    ]

    private static let keys: [String: String] = [
        "sql_connection": noDatabase, "connection": noDatabase, "use_cow_images": "disks are always overlays",
        "force_raw_images": "the format of an image is never changed", "auth_strategy": api, "api_paste_config": api,
        "enabled_apis": api, "instance_name_template": "the name of an instance stands in the message",
        "service_down_time": scheduler,
        "start_guests_on_host_boot": "guests that did not run are not started with the host",
        "block_migration_flag": migration,
        "max_concurrent_live_migrations": migration, "live_migration_retry_count": migration,
        "max_concurrent_snapshots": "snapshots take the slots of other operations", "base_dir_name": image,
        "config_drive_format": "the worker makes no config drives",
        "force_config_drive": "the worker makes no config drives",
        "mkisofs_cmd": "the worker makes no config drives", "root_helper": "the worker runs no commands as root",
        "rootwrap_config": "the worker runs no commands as root",
        "lock_path": "the worker locks its own state directory",
        "rpc_backend": "the worker speaks AMQP 0-9-1 only", "my_block_storage_ip": volume, "iscsi_helper": volume,
        "volume_api_class": volume, "network_api_class": network, "network_manager": network,
        "firewall_driver": network,
        "linuxnet_interface_driver": network, "flat_injected": network, "vif_plugging_timeout": network,
        "vif_plugging_is_fatal": network, "dhcpbridge_flagfile": network, "public_interface": network,
        "pybasedir": "the worker has no base directory", "bindir": "the worker has no base directory",
        "long_rpc_timeout": "the worker makes no long calls", "watch_log_file": logging, "use_journal": logging,
        "use_stderr": logging, "default_log_levels": logging, "log_config": logging, "log_config_append": logging,
        "log_date_format": logging, "log_format": logging,
        "image_service": image, "manager_shutdown_timeout": "graceful_shutdown_timeout is the one limit",
    ]

    private static let prefixes: [(prefix: String, reason: String)] = [
        ("sql_", noDatabase), ("db_", noDatabase), ("osapi_", api), ("ec2_", api), ("s3_", api), ("quota_", api),
        ("metadata_", api), ("scheduler_", scheduler), ("reserved_host_", capacity), ("initial_", capacity),
        ("quantum_", network), ("neutron_", network), ("cinder_", volume), ("glance_", image), ("image_cache_", image),
        ("remove_unused_", image), ("vnc", console), ("spice_", console), ("live_migration_", migration),
        ("libvirt_", "a part of nova's libvirt driver that this build does not have"), ("logging_", logging),
        ("syslog_", logging), ("vmwareapi_", "this build has no VMware driver"),
        ("xenapi_", "this build has no Xen driver"), ("baremetal_", "this build has no bare metal driver"),
        ("qpid_", "the worker speaks AMQP 0-9-1 only"), ("rpc_zmq_", "the worker speaks AMQP 0-9-1 only"),
    ]
}
