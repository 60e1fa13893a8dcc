// SPDX-License-Identifier: Apache-2.0

public import ComputeModel
internal import Configuration
public import LibvirtDriver

/// How libvirt is reached and what domains are made: `[libvirt]`.
public struct LibvirtOptions: Sendable, Equatable {
    /// `virt_type`; nil: kvm where it can work, else qemu.
    public var virtType: VirtType?
    /// `connection_uri`; nil: qemu:///system.
    public var connectionURI: String?
    /// `connection_username`, for a libvirt that asks for one.
    public var userName: String?
    /// `connection_password`, for a libvirt that asks for one.
    public var password: Secret<String>?
    /// `connection_read_only`.
    public var isReadOnly: Bool
    /// `wait_soft_reboot_seconds`: how long a guest may take to shut down.
    public var softRebootWait: Duration
    /// `live_migration_uri`, `live_migration_inbound_addr`.
    public var liveMigrationURI: String
    public var liveMigrationAddress: String
    /// `instances_path_shared_hosts`: the hosts that see the same directory of instances.
    public var hostsOfSameInstancesPath: Set<String>
    /// `[vnc]`; nil: guests have no screen.
    public var vnc: LibvirtDriverConfiguration.VNC?

    /// - Parameter vnc: The group of the screens.
    init(config: ConfigReader, vnc screens: ConfigReader) throws {
        virtType = config.string(forKey: "virt_type", as: VirtType.self)
        connectionURI = config.string(forKey: "connection_uri")
        userName = config.string(forKey: "connection_username")
        password = config.string(forKey: "connection_password", isSecret: true).map { Secret($0) }
        isReadOnly = try config.requiredBool(forKey: "connection_read_only")
        softRebootWait = .seconds(try config.requiredInt(forKey: "wait_soft_reboot_seconds"))
        liveMigrationURI = try config.requiredString(forKey: "live_migration_uri")
        liveMigrationAddress = try config.requiredString(forKey: "live_migration_inbound_addr")
        hostsOfSameInstancesPath = Set(config.stringArray(forKey: "instances_path_shared_hosts", default: []))
        if try screens.requiredBool(forKey: "enabled") {
            vnc = LibvirtDriverConfiguration.VNC(
                listenAddress: try screens.requiredString(forKey: "server_listen"),
                proxyAddress: try screens.requiredString(forKey: "server_proxyclient_address"))
        }
    }
}
