// SPDX-License-Identifier: Apache-2.0

public import ComputeDriver
public import ComputeModel
internal import Libvirt

extension LibvirtDriver: DeviceNamingDriver {
    public func defaultRootDeviceName(for instance: Instance) async throws -> String {
        if let name = try await disksIfKnown(instance.id)?.first?.target { return "/dev/\(name)" }
        return "/dev/vda"
    }

    public func defaultDeviceNames(for instance: Instance, count: Int) async throws -> [String] {
        var taken = try await takenNames(instance.id)
        let prefix = try await namePrefix(instance.id)
        return (0..<max(0, count)).map { _ in
            let name = Self.freeName(prefix, taken)
            taken.insert(name)
            return "/dev/\(name)"
        }
    }

    public func nextDeviceName(for instance: Instance, taken: Set<String>) async throws -> String {
        let all = try await takenNames(instance.id).union(taken.map { Self.deviceName($0) })
        return "/dev/" + Self.freeName(try await namePrefix(instance.id), all)
    }

    private func disksIfKnown(_ id: InstanceID) async throws -> [DomainDocument.Disk]? {
        do { return try await document(try await domain(id), id).disks } catch let fault as ComputeFault
            where fault.kind == .instanceNotFound
        {
            return nil
        }
    }

    /// A guest that is not there yet has a root disk, whatever else it gets.
    private func takenNames(_ id: InstanceID) async throws -> Set<String> {
        Set(try await disksIfKnown(id)?.map(\.target) ?? ["vda"])
    }

    private func namePrefix(_ id: InstanceID) async throws -> String {
        // What is plugged into a running guest sits on the bus that takes it: virtio, or SCSI.
        try await disksIfKnown(id)?.first?.bus == "scsi" ? "sd" : "vd"
    }

    /// The first name of a prefix that is not taken: a, b, … z, aa, ab, ….
    static func freeName(_ prefix: String, _ taken: Set<String>) -> String {
        var number = 0
        while true {
            let name = prefix + letters(number)
            if !taken.contains(name) { return name }
            number += 1
        }
    }

    private static func letters(_ number: Int) -> String {
        let rest = number / 26
        let last = String(UnicodeScalar(UInt8(97 + number % 26)))
        return rest == 0 ? last : letters(rest - 1) + last
    }
}
