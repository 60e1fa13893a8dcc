// SPDX-License-Identifier: Apache-2.0

internal import ComputeModel
internal import XML

/// A guest as libvirt's qemu driver is to make it: a value first, a document last.
struct GuestDescription: Sendable {
    /// How the root disk is seen by the guest (Glance's `hw_disk_bus`).
    enum DiskBus: String, Sendable, Hashable {
        case virtio, ide, sata, scsi

        /// The name of the first disk on the bus.
        var firstDevice: String {
            switch self {
            case .virtio: "vda"
            case .ide: "hda"
            case .sata, .scsi: "sda"
            }
        }
    }

    /// A kernel that is booted without a boot loader.
    struct DirectBoot: Sendable, Hashable {
        let kernel: String
        let ramdisk: String?
        let commandLine: String
    }

    let id: InstanceID
    let name: String
    let type: VirtType
    let memoryMiB: Int
    let vcpus: Int
    /// libvirt's name of the processor's architecture; nil for the host's own.
    let architecture: String?
    /// Gives the guest the host's processor model, where there is hardware to run it on.
    let usesHostModel: Bool
    let disk: String
    let diskBus: DiskBus
    /// Past the page cache.
    let usesDirectIO: Bool
    let directBoot: DirectBoot?
    let consoleLog: String
    /// Disks beside the root disk.
    let furtherDisks: [XMLElement]
    let interfaces: [GuestInterface]
    /// Whether the guest's agent has a line to the host.
    let hasAgent: Bool
    /// The address that the screen listens on; nil for a guest without one.
    let vncListenAddress: String?
    let metadata: NovaMetadata

    /// The document for `virDomainDefineXML`.
    var xml: XMLElement {
        XMLElement("domain", ["type": type.rawValue]) {
            XMLElement("name", text: name)
            XMLElement("uuid", text: id.description)
            XMLElement("metadata") { metadata.xml }
            XMLElement("memory", ["unit": "KiB"], text: String(memoryMiB * 1024))
            XMLElement("vcpu", text: String(vcpus))
            systemInformation
            operatingSystem
            XMLElement("features") {
                XMLElement("acpi")
                XMLElement("apic")
            }
            if usesHostModel {
                XMLElement("cpu", ["mode": "host-model", "match": "exact"]) {
                    XMLElement("topology", ["sockets": String(vcpus), "cores": "1", "threads": "1"])
                }
            }
            clock
            XMLElement("on_poweroff", text: "destroy")
            XMLElement("on_reboot", text: "restart")
            XMLElement("on_crash", text: "destroy")
            devices
        }
    }

    /// What the guest reads by DMI; cloud-init knows an OpenStack guest by the product's name.
    private var systemInformation: XMLElement {
        let entries: KeyValuePairs = [
            "manufacturer": "OpenStack Foundation", "product": "OpenStack Nova", "version": NovaMetadata.packageVersion,
            "serial": id.description, "uuid": id.description, "family": "Virtual Machine",
        ]
        return XMLElement("sysinfo", ["type": "smbios"]) {
            XMLElement("system") {
                for (name, value) in entries { XMLElement("entry", ["name": name], text: value) }
            }
        }
    }

    private var operatingSystem: XMLElement {
        XMLElement("os") {
            XMLElement("type", ["arch": architecture], text: "hvm")
            if let directBoot {
                XMLElement("kernel", text: directBoot.kernel)
                directBoot.ramdisk.map { XMLElement("initrd", text: $0) }
                XMLElement("cmdline", text: directBoot.commandLine)
            }
            XMLElement("boot", ["dev": "hd"])
            XMLElement("smbios", ["mode": "sysinfo"])
        }
    }

    private var clock: XMLElement {
        XMLElement("clock", ["offset": "utc"]) {
            if type == .kvm {
                XMLElement("timer", ["name": "pit", "tickpolicy": "delay"])
                XMLElement("timer", ["name": "rtc", "tickpolicy": "catchup"])
                XMLElement("timer", ["name": "hpet", "present": "no"])
            }
        }
    }

    private var devices: XMLElement {
        XMLElement("devices") {
            XMLElement("disk", ["type": "file", "device": "disk"]) {
                XMLElement("driver", ["name": "qemu", "type": "qcow2", "cache": usesDirectIO ? "none" : "writeback"])
                XMLElement("source", ["file": disk])
                XMLElement("target", ["dev": diskBus.firstDevice, "bus": diskBus.rawValue])
            }
            for disk in furtherDisks { disk }
            for interface in interfaces { interface.xml }
            // libvirt begins the log anew with each start of the guest.
            XMLElement("serial", ["type": "pty"]) {
                XMLElement("log", ["file": consoleLog, "append": "off"])
                XMLElement("target", ["port": "0"])
            }
            if hasAgent {
                XMLElement("channel", ["type": "unix"]) {
                    XMLElement("target", ["type": "virtio", "name": "org.qemu.guest_agent.0"])
                }
            }
            if let vncListenAddress {
                XMLElement("graphics", ["type": "vnc", "port": "-1", "autoport": "yes"]) {
                    XMLElement("listen", ["type": "address", "address": vncListenAddress])
                }
                XMLElement("video") { XMLElement("model", ["type": "vga"]) }
            }
            XMLElement("memballoon", ["model": "virtio"])
        }
    }
}
