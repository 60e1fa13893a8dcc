// SPDX-License-Identifier: Apache-2.0

import ComputeModel
import Testing
import XML

@testable import LibvirtDriver

@Suite("The description of a guest")
struct GuestDescriptionTests {
    static let created = Timestamp(microseconds: 1_353_399_330_123_456)

    static func describe(
        _ fields: JSONObject = [:], type: VirtType = .qemu, hasHardware: Bool = false, directIO: Bool = true,
        kernel: Bool = false, image: JSONObject = [:], isFull: Bool = false
    ) throws -> GuestDescription {
        let instance = try Guests.instance(fields)
        let directory = InstanceDirectory(instance.id, in: "/instances")
        var surroundings = GuestDescription.Surroundings(
            type: type, hasHardware: hasHardware, supportsDirectIO: directIO)
        if isFull {
            let volume = try LocalVolume(Volumes.device("/volumes/one", at: "/dev/vdz"), instance: instance.id)
            let interface: JSONValue = ["address": "fa:16:3e:01:02:03", "network": ["bridge": "br100"]]
            surroundings.vncListenAddress = "127.0.0.1"
            surroundings.furtherDisks = [
                LocalDisk(purpose: .swap, size: 1 << 20)
                    .xml(in: directory, target: "vdy", bus: "virtio", usesDirectIO: directIO),
                volume.xml(isBlock: kernel, usesDirectIO: directIO),
            ]
            surroundings.interfaces = [try GuestInterface(interface, instance: instance.id)]
        }
        let local = LocalImage(
            metadata: ImageMetadata(id: "70a599e0", name: "cirros", diskFormat: "qcow2", fields: image),
            path: "/images/70a599e0", virtualSize: 1 << 20, kernelPath: kernel ? "/images/kernel & co" : nil,
            ramdiskPath: kernel ? "/images/ramdisk" : nil)
        return try GuestDescription(instance, image: local, directory: directory, on: surroundings, at: created)
    }

    @Test("keeps to libvirt's schema in every form", arguments: [VirtType.qemu, .kvm], [false, true])
    func schema(type: VirtType, kernel: Bool) throws {
        let schema = try RelaxNGSchema(path: "/usr/share/libvirt/schemas/domain.rng")
        for bus in ["virtio", "ide", "sata", "scsi"] {
            for architecture in ["x86_64", "i686", nil] as [String?] {
                let description = try Self.describe(
                    ["architecture": JSONValue(architecture), "vcpus": 4], type: type, hasHardware: type == .kvm,
                    directIO: kernel, kernel: kernel, image: ["hw_disk_bus": .string(bus)])
                try schema.validate(description.xml)
                let full = try Self.describe(
                    ["architecture": JSONValue(architecture)], type: type, directIO: kernel, kernel: kernel,
                    image: ["hw_disk_bus": .string(bus), "hw_qemu_guest_agent": "yes"], isFull: true)
                try schema.validate(full.xml)
            }
        }
    }

    @Test("misspelt is refused by the schema")
    func misspelt() throws {
        let schema = try RelaxNGSchema(path: "/usr/share/libvirt/schemas/domain.rng")
        var document = try Self.describe().xml
        document.children.append(.element(XMLElement("vcpus", text: "1")))
        #expect { try schema.validate(document) } throws: { ($0 as? XMLError)?.code == .invalid }
    }

    @Test("says what the instance says")
    func contents() throws {
        let xml = try Self.describe(["memory_mb": 512, "vcpus": 3]).xml
        #expect(xml["type"] == "qemu")
        #expect(xml.first("name")?.text == "instance-0000002a")
        #expect(xml.first("uuid")?.text == "f53be0a8-2c05-413b-b16b-7b044ffa6469")
        #expect(xml.first("memory")?.text == "524288")
        #expect(xml.first("vcpu")?.text == "3")
        let disk = try #require(xml.first("devices/disk"))
        #expect(disk.first("source")?["file"] == "/instances/f53be0a8-2c05-413b-b16b-7b044ffa6469/disk")
        #expect(disk.first("driver")?["type"] == "qcow2")
        #expect(disk.first("driver")?["cache"] == "none")
        #expect(disk.first("target")?["dev"] == "vda")
        #expect(
            xml.first("devices/serial/log")?["file"]
                == "/instances/f53be0a8-2c05-413b-b16b-7b044ffa6469/console.log")
        #expect(xml.first("os/kernel") == nil)
    }

    @Test("names no processor model under emulation or doubtful kvm, and the host's under real kvm")
    func processor() throws {
        #expect(try Self.describe().xml.first("cpu") == nil)
        #expect(try Self.describe(type: .kvm).xml.first("cpu") == nil)
        #expect(try Self.describe(type: .kvm, hasHardware: true).xml.first("cpu")?["mode"] == "host-model")
    }

    @Test("boots kernel and RAM disk of an image directly, with the image's own command line where it has one")
    func directBoot() throws {
        let xml = try Self.describe(kernel: true).xml
        #expect(xml.first("os/kernel")?.text == "/images/kernel & co")
        #expect(xml.first("os/initrd")?.text == "/images/ramdisk")
        #expect(xml.first("os/cmdline")?.text == "root=/dev/vda console=tty0 console=ttyS0")
        let own = try Self.describe(kernel: true, image: ["os_command_line": "quiet <x>"]).xml
        #expect(own.first("os/cmdline")?.text == "quiet <x>")
        #expect(try XMLElement(parsing: own.rendered()).first("os/cmdline")?.text == "quiet <x>")
    }

    @Test("leaves nova's metadata element under nova's namespace")
    func metadata() throws {
        let xml = try Self.describe([
            "display_name": "web <1> & \u{1}co", "user_id": "8a5f", "project_id": "b1c2", "image_ref": "70a599e0-31e7",
            "memory_mb": 512, "root_gb": 2,
            "instance_type": ["name": "m1.tiny", "swap": 64, "memory_mb": 512, "vcpus": 1],
        ]).xml
        let nova = try #require(try XMLElement(parsing: xml.rendered()).first("metadata/instance"))
        #expect(nova.name.namespace?.uri == "http://openstack.org/xmlns/libvirt/nova/1.0")
        #expect(nova.name.namespace?.prefix == "nova")
        #expect(nova.first("name")?.text == "web <1> & co")
        #expect(nova.first("creationTime")?.text == "2012-11-20 08:15:30")
        #expect(nova.first("flavor")?["name"] == "m1.tiny")
        #expect(nova.first("flavor/memory")?.text == "512")
        #expect(nova.first("flavor/disk")?.text == "2")
        #expect(nova.first("flavor/swap")?.text == "64")
        #expect(nova.first("flavor/vcpus")?.text == "1")
        #expect(nova.first("owner/user")?["uuid"] == "8a5f")
        #expect(nova.first("owner/project")?["uuid"] == "b1c2")
        #expect(nova.first("root")?["type"] == "image")
        #expect(nova.first("root")?["uuid"] == "70a599e0-31e7")
    }

    @Test(
        "refuses names that libvirt would make files of",
        arguments: [
            "", "..", ".", "a/b", "../../etc/passwd", "a b", "a\nb", "a\u{0}b", String(repeating: "x", count: 129),
        ])
    func names(name: String) {
        #expect { try Self.describe(["name": .string(name)]) } throws: { ($0 as? ComputeFault)?.kind == .invalid }
    }

    @Test("refuses an unknown disk bus and an architecture that is no word")
    func refusals() {
        #expect { try Self.describe(image: ["hw_disk_bus": "floppy"]) } throws: {
            ($0 as? ComputeFault)?.kind == .imageUnacceptable
        }
        #expect { try Self.describe(["architecture": "x86'><evil/>"]) } throws: {
            ($0 as? ComputeFault)?.kind == .invalid
        }
    }

    @Test("finds a disk bus among Folsom's properties, too")
    func folsomProperties() throws {
        let xml = try Self.describe(image: ["properties": ["hw_disk_bus": "ide"]]).xml
        #expect(xml.first("devices/disk/target")?["dev"] == "hda")
    }
}
