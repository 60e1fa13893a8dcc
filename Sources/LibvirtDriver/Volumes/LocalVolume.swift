// SPDX-License-Identifier: Apache-2.0

internal import ComputeDriver
internal import ComputeModel
internal import XML

#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#endif

/// A volume that is a file or a block device of this host (nova's `driver_volume_type` `local`).
struct LocalVolume: Sendable, Hashable {
    let volumeID: String
    /// `vdb`.
    let target: String
    let path: String
    let format: DiskOverlay.Format

    /// - Throws: `invalid`, naming the type, for one that is reached in a way that this driver does not know.
    init(_ device: BlockDevice, instance: InstanceID) throws(ComputeFault) {
        let connection = device.connection.reveal()
        let type = connection["driver_volume_type"]?.string ?? ""
        guard type == "local" else {
            throw ComputeFault.invalid(
                "The libvirt driver plugs in volumes of type 'local', not '\(SafeText.withoutPaths(type))'",
                instance: instance)
        }
        guard let data = connection["data"]?.object, let path = data["device_path"]?.string, path.hasPrefix("/"),
            !path.utf8.contains(0)
        else {
            throw ComputeFault.invalid(
                "The connection of volume \(device.volumeID) has no absolute device_path", instance: instance)
        }
        guard let format = DiskOverlay.Format(rawValue: data["format"]?.string ?? "raw") else {
            throw ComputeFault.invalid(
                "The format of volume \(device.volumeID) is neither raw nor qcow2", instance: instance)
        }
        target = LibvirtDriver.deviceName(device.deviceName)
        guard Self.bus(of: target) != nil, target.utf8.count <= 16, target.allSatisfy({ $0.isASCII && $0.isLetter })
        else {
            throw ComputeFault(
                .invalidDevicePath,
                "A volume can't be plugged in as '\(target)': the name must be like vdb, sdb or hdb.",
                instance: instance, arguments: ["path": .string(device.deviceName)])
        }
        volumeID = device.volumeID
        self.path = path
        self.format = format
    }

    static func bus(of target: String) -> String? {
        guard target.utf8.count > 2 else { return nil }
        return switch target.prefix(2) {
        case "vd": "virtio"
        case "sd": "scsi"
        case "hd": "ide"
        default: nil
        }
    }

    /// Whether there is something at its path, on the file lane.
    func requireThere(_ instance: InstanceID) throws(ComputeFault) -> Bool {
        var status = stat()
        guard stat(path, &status) == 0, status.st_mode & S_IFMT == S_IFREG || status.st_mode & S_IFMT == S_IFBLK else {
            throw ComputeFault(
                .volumeNotFound, "Volume \(volumeID) is not on this host as a file or a block device.",
                instance: instance, arguments: ["volume_id": .string(volumeID)])
        }
        return status.st_mode & S_IFMT == S_IFBLK
    }

    /// The device for libvirt.
    func xml(isBlock: Bool, usesDirectIO: Bool) -> XMLElement {
        XMLElement("disk", ["type": isBlock ? "block" : "file", "device": "disk"]) {
            XMLElement(
                "driver",
                ["name": "qemu", "type": format.rawValue, "cache": isBlock || usesDirectIO ? "none" : "writeback"])
            XMLElement("source", [isBlock ? "dev" : "file": path])
            XMLElement("target", ["dev": target, "bus": Self.bus(of: target)])
            XMLElement("serial", text: volumeID)
        }
    }
}

extension LibvirtDriver {
    /// The device that a volume becomes, looked up on this host.
    func device(of volume: LocalVolume, instance: InstanceID) async throws -> XMLElement {
        try await host.files.run("look at a volume") { () throws(ComputeFault) in
            let isBlock = try volume.requireThere(instance)
            return volume.xml(isBlock: isBlock, usesDirectIO: isBlock || DirectIO.isSupported(by: volume.path))
        }
    }
}
