// SPDX-License-Identifier: Apache-2.0

internal import ComputeDriver
internal import ComputeModel
internal import XML

extension GuestDescription {
    /// What the host adds to a request.
    struct Surroundings: Sendable {
        let type: VirtType
        let hasHardware: Bool
        let supportsDirectIO: Bool
        var vncListenAddress: String?
        var furtherDisks: [XMLElement] = []
        var interfaces: [GuestInterface] = []
    }

    /// The guest that a request asks for.
    init(
        _ instance: Instance, image: LocalImage, directory: InstanceDirectory, on host: Surroundings, at now: Timestamp
    ) throws(ComputeFault) {
        id = instance.id
        name = try Self.domainName(of: instance)
        type = host.type
        memoryMiB = instance.memoryMiB
        vcpus = instance.vcpus
        architecture = try Self.architecture(of: instance)
        usesHostModel = host.type == .kvm && host.hasHardware
        disk = directory.disk
        usesDirectIO = host.supportsDirectIO
        consoleLog = directory.consoleLog
        furtherDisks = host.furtherDisks
        interfaces = host.interfaces
        hasAgent = ["yes", "true", "1", "on"].contains(image.metadata.property("hw_qemu_guest_agent")?.lowercased())
        vncListenAddress = host.vncListenAddress
        let bus = try Self.diskBus(of: image, instance: instance.id)
        diskBus = bus
        directBoot = image.kernelPath.map { kernel in
            DirectBoot(
                kernel: kernel, ramdisk: image.ramdiskPath,
                commandLine: image.metadata.property("os_command_line")
                    ?? "root=/dev/\(bus.firstDevice) console=tty0 console=ttyS0")
        }
        metadata = NovaMetadata(instance, image: image, created: now)
    }

    /// The instance's name, if it can be a domain's: libvirt makes names of files of it.
    static func domainName(of instance: Instance) throws(ComputeFault) -> String {
        let name = instance.name
        let isFit =
            !name.isEmpty && name.utf8.count <= 128 && name != "." && name != ".."
            && name.unicodeScalars.allSatisfy { $0.value > 0x20 && $0.value != 0x7F && $0 != "/" }
        guard isFit else {
            throw ComputeFault.invalid(
                "The instance's name can't be a domain's: 1 to 128 bytes, no blanks, control characters or slashes",
                instance: instance.id)
        }
        return name
    }

    private static func architecture(of instance: Instance) throws(ComputeFault) -> String? {
        guard let architecture = instance.architecture, !architecture.isEmpty else { return nil }
        guard architecture.utf8.count <= 32,
            architecture.allSatisfy({ $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "_") })
        else {
            throw ComputeFault.invalid("The instance's architecture is none that libvirt knows", instance: instance.id)
        }
        return architecture
    }

    static func diskBus(of image: LocalImage, instance: InstanceID) throws(ComputeFault) -> DiskBus {
        guard let wanted = image.metadata.property("hw_disk_bus") else { return .virtio }
        guard let bus = DiskBus(rawValue: wanted) else {
            let reason = "its hw_disk_bus '\(wanted)' is none of virtio, ide, sata, scsi"
            throw ComputeFault(
                .imageUnacceptable, "Image \(image.metadata.id) is unacceptable: \(reason)", instance: instance,
                arguments: ["image_id": .string(image.metadata.id), "reason": .string(reason)])
        }
        return bus
    }
}

extension ImageMetadata {
    /// A property of the image: Glance v2 has them among the other keys, v1 in `properties`.
    fileprivate func property(_ key: String) -> String? {
        fields[key]?.string ?? fields["properties"]?[key]?.string
    }
}
