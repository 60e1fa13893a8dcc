// SPDX-License-Identifier: Apache-2.0

/// A method that the manager of nova's Folsom release called of its drivers: the 65 of the base class, and five more
/// that only some drivers had.
public struct FolsomMethod: Sendable {
    /// A hypervisor family that had a driver in Folsom.
    public enum Family: String, Sendable, Hashable, CaseIterable {
        case libvirt
        case xenAPI = "XenAPI"
        case vmware = "VMware"
        case hyperV = "Hyper-V"
        case bareMetal = "bare metal"
        case powerVM = "PowerVM"
    }

    /// What stands in its place.
    public enum Counterpart: Sendable, Hashable {
        case operations([DriverOperation])
        /// A part of the core that no driver can lack.
        case everyDriver(String)
        /// Done by the manager, for every driver alike.
        case manager(String)
        case none(String)
    }

    public let name: String
    /// The families whose driver did something for it: constants and empty bodies don't count.
    public let families: [Family]
    public let counterpart: Counterpart

    private init(_ name: String, _ families: [Family], _ counterpart: Counterpart) {
        self.name = name
        self.families = families
        self.counterpart = counterpart
    }

    /// A driver that has it, or a part of it.
    public struct Service: Sendable, Hashable {
        public let driver: DriverName
        /// What holds of it with a restriction; nil for one that has all of it.
        public let caveat: String?
    }

    /// How far the drivers of today have it.
    public enum Standing: Sendable, Hashable {
        /// These drivers have it; those with a caveat stand there only if none is without, and then with what is to
        /// bring the rest.
        case served([Service], rest: [PlannedWork])
        /// Whatever the driver is.
        case inherent
        /// There is nothing for a driver to do.
        case unneeded
        /// This is to bring it.
        case planned([PlannedWork])
        /// Nobody has it, and nobody is to bring it.
        case absent
    }

    /// - Parameter drivers: those of real hypervisors.
    public func standing(among drivers: [any ComputeDriver.Type]) -> Standing {
        let operations: [DriverOperation]
        switch counterpart {
        case .operations(let some): operations = some
        case .everyDriver, .manager: return .inherent
        case .none: return .unneeded
        }
        let able = drivers.filter { driver in operations.allSatisfy { $0.isImplemented(by: driver) } }
        let services = able.map { driver in
            let caveats = operations.compactMap { driver.caveats[$0] }
            return Service(driver: driver.name, caveat: caveats.isEmpty ? nil : caveats.joined(separator: "; "))
        }
        let whole = services.filter { $0.caveat == nil }
        if !whole.isEmpty { return .served(whole, rest: []) }
        let works = PlannedWork.allCases.filter { work in
            families.contains(work.family) && operations.contains { work.operations.contains($0) }
        }
        if !services.isEmpty { return .served(services, rest: works) }
        return works.isEmpty ? .absent : .planned(works)
    }
}

extension FolsomMethod {
    /// All of them, in the base class's order.
    public static let all: [FolsomMethod] = [
        FolsomMethod(
            "init_host", [.libvirt, .xenAPI, .hyperV, .powerVM],
            .everyDriver("`start()` of the core: connects, and says so where it can't")),
        FolsomMethod("get_info", [.libvirt, .xenAPI, .vmware, .hyperV, .bareMetal, .powerVM], .operations([.info])),
        FolsomMethod("get_num_instances", [.libvirt, .powerVM], .operations([.listInstances])),
        FolsomMethod("instance_exists", [.libvirt, .powerVM], .operations([.info])),
        FolsomMethod(
            "list_instances", [.libvirt, .xenAPI, .vmware, .hyperV, .bareMetal, .powerVM],
            .operations([.listInstances])),
        FolsomMethod("spawn", [.libvirt, .xenAPI, .vmware, .hyperV, .bareMetal, .powerVM], .operations([.spawn])),
        FolsomMethod("destroy", [.libvirt, .xenAPI, .vmware, .hyperV, .bareMetal, .powerVM], .operations([.destroy])),
        FolsomMethod("reboot", [.libvirt, .xenAPI, .vmware, .hyperV, .bareMetal], .operations([.reboot])),
        FolsomMethod("get_console_pool_info", [.xenAPI, .vmware], .operations([.consolePool])),
        FolsomMethod("get_console_output", [.libvirt, .vmware, .bareMetal], .operations([.consoleOutput])),
        FolsomMethod("get_vnc_console", [.libvirt, .xenAPI], .operations([.vncConsole])),
        FolsomMethod("get_diagnostics", [.libvirt, .xenAPI], .operations([.diagnostics])),
        FolsomMethod("get_all_bw_usage", [.xenAPI], .operations([.bandwidth])),
        FolsomMethod("get_host_ip_addr", [.libvirt, .xenAPI], .operations([.hostAddress])),
        FolsomMethod("attach_volume", [.libvirt, .xenAPI, .hyperV], .operations([.attachVolume])),
        FolsomMethod("detach_volume", [.libvirt, .xenAPI, .hyperV], .operations([.detachVolume])),
        FolsomMethod("migrate_disk_and_power_off", [.libvirt, .xenAPI], .operations([.migrateDiskAndPowerOff])),
        FolsomMethod("snapshot", [.libvirt, .xenAPI, .vmware, .hyperV], .operations([.snapshot])),
        FolsomMethod("finish_migration", [.libvirt, .xenAPI], .operations([.finishMigration])),
        FolsomMethod("confirm_migration", [.libvirt, .xenAPI], .operations([.confirmMigration])),
        FolsomMethod("finish_revert_migration", [.libvirt, .xenAPI], .operations([.finishRevertMigration])),
        FolsomMethod("pause", [.libvirt, .xenAPI, .hyperV], .operations([.pause])),
        FolsomMethod("unpause", [.libvirt, .xenAPI, .hyperV], .operations([.unpause])),
        FolsomMethod("suspend", [.libvirt, .xenAPI, .vmware, .hyperV], .operations([.suspend])),
        FolsomMethod("resume", [.libvirt, .xenAPI, .vmware, .hyperV], .operations([.resume])),
        FolsomMethod("resume_state_on_host_boot", [.libvirt], .operations([.resumeStateOnHostBoot])),
        FolsomMethod("rescue", [.libvirt, .xenAPI, .bareMetal], .operations([.rescue])),
        FolsomMethod("unrescue", [.libvirt, .xenAPI, .bareMetal], .operations([.unrescue])),
        FolsomMethod("power_off", [.libvirt, .xenAPI, .hyperV, .powerVM], .operations([.powerOff])),
        FolsomMethod("power_on", [.libvirt, .xenAPI, .hyperV, .powerVM], .operations([.powerOn])),
        FolsomMethod(
            "get_available_resource", [.libvirt, .xenAPI, .hyperV, .bareMetal, .powerVM],
            .operations([.hostResources])),
        FolsomMethod("live_migration", [.libvirt, .xenAPI, .hyperV], .operations([.liveMigrate])),
        FolsomMethod(
            "check_can_live_migrate_destination", [.libvirt, .xenAPI],
            .operations([.checkLiveMigrationDestination])),
        FolsomMethod(
            "check_can_live_migrate_destination_cleanup", [.libvirt],
            .operations([.cleanUpLiveMigrationCheck])),
        FolsomMethod("check_can_live_migrate_source", [.libvirt, .xenAPI], .operations([.checkLiveMigrationSource])),
        FolsomMethod("refresh_security_group_rules", [.libvirt, .xenAPI], .operations([.refreshSecurityGroupRules])),
        FolsomMethod(
            "refresh_security_group_members", [.libvirt, .xenAPI],
            .operations([.refreshSecurityGroupMembers])),
        FolsomMethod("refresh_provider_fw_rules", [.libvirt, .xenAPI], .operations([.refreshProviderRules])),
        FolsomMethod("reset_network", [.xenAPI], .operations([.resetNetwork])),
        FolsomMethod("ensure_filtering_rules_for_instance", [.libvirt], .operations([.ensureFilters])),
        FolsomMethod(
            "filter_defer_apply_on", [.libvirt],
            .none("a driver applies the rules of one call together; there is nothing to defer between calls")),
        FolsomMethod("filter_defer_apply_off", [.libvirt], .none("as `filter_defer_apply_on`")),
        FolsomMethod("unfilter_instance", [.libvirt, .xenAPI], .operations([.removeFilters])),
        FolsomMethod("set_admin_password", [.xenAPI], .operations([.setAdminPassword])),
        FolsomMethod("inject_file", [.xenAPI], .operations([.injectFile])),
        FolsomMethod("change_instance_metadata", [.xenAPI], .operations([.changeMetadata])),
        FolsomMethod("inject_network_info", [.xenAPI], .operations([.injectNetworkInfo])),
        FolsomMethod(
            "poll_rebooting_instances", [.xenAPI],
            .manager("the periodic task for reboots that take too long, for every driver")),
        FolsomMethod(
            "poll_rescued_instances", [.xenAPI],
            .manager("the periodic task for rescues that take too long, for every driver")),
        FolsomMethod("host_power_action", [.xenAPI], .operations([.hostPowerAction])),
        FolsomMethod("host_maintenance_mode", [.xenAPI], .operations([.setMaintenance])),
        FolsomMethod("set_host_enabled", [.xenAPI], .operations([.setHostEnabled])),
        FolsomMethod("get_host_uptime", [.libvirt, .xenAPI], .operations([.hostUptime])),
        FolsomMethod("plug_vifs", [.libvirt, .xenAPI, .vmware], .operations([.plugVIFs])),
        FolsomMethod("unplug_vifs", [.libvirt, .xenAPI, .vmware], .operations([.unplugVIFs])),
        FolsomMethod("update_host_status", [.libvirt, .xenAPI, .bareMetal], .operations([.hostStatistics])),
        FolsomMethod("get_host_stats", [.libvirt, .xenAPI, .bareMetal, .powerVM], .operations([.hostStatistics])),
        FolsomMethod("block_stats", [.libvirt], .operations([.blockCounters])),
        FolsomMethod("interface_stats", [.libvirt], .operations([.interfaceCounters])),
        FolsomMethod("legacy_nwinfo", [], .none("network information has one form for every driver")),
        FolsomMethod("manage_image_cache", [.libvirt], .operations([.manageImageCache])),
        FolsomMethod("add_to_aggregate", [.xenAPI], .operations([.addToAggregate])),
        FolsomMethod("remove_from_aggregate", [.xenAPI], .operations([.removeFromAggregate])),
        FolsomMethod("undo_aggregate_operation", [.xenAPI], .operations([.undoAggregateChange])),
        FolsomMethod("get_volume_connector", [.libvirt, .xenAPI, .vmware, .hyperV], .operations([.volumeConnector])),
        FolsomMethod("get_instance_disk_info", [.libvirt, .xenAPI], .operations([.disksOfInstance])),
        FolsomMethod("pre_live_migration", [.libvirt, .xenAPI, .hyperV], .operations([.prepareLiveMigration])),
        FolsomMethod("pre_block_migration", [.libvirt, .xenAPI], .operations([.prepareLiveMigration])),
        FolsomMethod(
            "post_live_migration_at_destination", [.libvirt, .xenAPI, .hyperV],
            .operations([.finishLiveMigrationAtDestination])),
        FolsomMethod(
            "refresh_instance_security_rules", [.libvirt, .xenAPI, .bareMetal],
            .operations([.refreshSecurityRules])),
    ]
}
