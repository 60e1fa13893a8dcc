// SPDX-License-Identifier: Apache-2.0

internal import LibvirtDriver

extension OptionTable {
    static let libvirtOptions: [ConfigurationOption] = [
        ConfigurationOption(
            "libvirt", "virt_type", .choice(VirtType.allCases.map(\.rawValue), refused: refusedVirtTypes),
            aliases: [OptionName("DEFAULT", "libvirt_type")],
            "Kind of domain: kvm or qemu; unset: kvm where it can work, else qemu."),
        ConfigurationOption(
            "libvirt", "connection_uri", .url, aliases: [OptionName("DEFAULT", "libvirt_uri")],
            "Hypervisor to connect to; unset: qemu:///system."),
        ConfigurationOption(
            "libvirt", "connection_username", .text, "User name for a libvirt that asks for one."),
        ConfigurationOption(
            "libvirt", "connection_password", .text, secret: true, "Password for a libvirt that asks for one."),
        ConfigurationOption(
            "libvirt", "connection_read_only", .boolean, default: "false",
            "Connect read-only: everything that changes a guest is refused by libvirt."),
        ConfigurationOption(
            "libvirt", "wait_soft_reboot_seconds", .integer(0...86400), default: "120",
            aliases: [OptionName("DEFAULT", "libvirt_wait_soft_reboot_seconds")],
            "Seconds that a guest gets to shut down before a soft reboot becomes a hard one."),
        ConfigurationOption(
            "libvirt", "live_migration_uri", .text, default: "qemu+tcp://%s/system",
            aliases: [OptionName("DEFAULT", "live_migration_uri")],
            "libvirt of another host as this host's libvirt reaches it; %s stands for that host's name."),
        ConfigurationOption(
            "libvirt", "live_migration_inbound_addr", .word, default: "$my_ip",
            "Address at which guests come in that move as they run."),
        ConfigurationOption(
            "libvirt", "instances_path_shared_hosts", .list(),
            "Names of the hosts that see the same instances_path; disks of a resize move to no others."),
    ]

    static let vncOptions: [ConfigurationOption] = [
        ConfigurationOption(
            "vnc", "enabled", .boolean, default: "true", aliases: [OptionName("DEFAULT", "vnc_enabled")],
            "Whether guests get a VNC screen."),
        ConfigurationOption(
            "vnc", "server_listen", .word, default: "127.0.0.1",
            aliases: [OptionName("DEFAULT", "vncserver_listen"), OptionName("vnc", "vncserver_listen")],
            "Address that guests' VNC screens listen on."),
        ConfigurationOption(
            "vnc", "server_proxyclient_address", .word, default: "127.0.0.1",
            aliases: [
                OptionName("DEFAULT", "vncserver_proxyclient_address"),
                OptionName("vnc", "vncserver_proxyclient_address"),
            ], "Address by which a console proxy reaches guests' VNC screens."),
        ConfigurationOption(
            "vnc", "novncproxy_base_url", .text, default: "http://127.0.0.1:6080/vnc_auto.html",
            aliases: [OptionName("DEFAULT", "novncproxy_base_url")],
            "Where users' browsers reach the noVNC proxy; get_vnc_console adds a token."),
        ConfigurationOption(
            "vnc", "xvpvncproxy_base_url", .text, default: "http://127.0.0.1:6081/console",
            aliases: [OptionName("DEFAULT", "xvpvncproxy_base_url")],
            "Where users' clients reach the XVP VNC proxy; get_vnc_console adds a token."),
    ]

    private static let refusedVirtTypes: [String: String] = Dictionary(
        uniqueKeysWithValues: ["lxc", "xen", "uml", "parallels"].map {
            ($0, "'\($0)' is a virt_type that no driver of this build serves")
        })
}
