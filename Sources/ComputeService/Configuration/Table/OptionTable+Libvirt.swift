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
    ]

    private static let refusedVirtTypes: [String: String] = Dictionary(
        uniqueKeysWithValues: ["lxc", "xen", "uml", "parallels"].map {
            ($0, "'\($0)' is a virt_type that no driver of this build serves")
        })
}
