// SPDX-License-Identifier: Apache-2.0

public import ComputeDriver
public import ComputeModel
internal import Libvirt

extension LibvirtDriver: DeviceCountingDriver {
    public func blockCounters(of instance: Instance, disk: String) async throws -> BlockCounters {
        let name = Self.deviceName(disk)
        let counters = try await counters(instance.id, disks: [name], interfaces: [])
        guard let found = counters.disks.first else { throw noSuchDevice(disk, instance.id) }
        return BlockCounters(found)
    }

    public func interfaceCounters(of instance: Instance, interface: String) async throws -> InterfaceCounters {
        let counters = try await counters(instance.id, disks: [], interfaces: [interface])
        guard let found = counters.interfaces.first else { throw noSuchDevice(interface, instance.id) }
        return InterfaceCounters(found)
    }

    private func counters(
        _ id: InstanceID, disks: [String], interfaces: [String]
    ) async throws -> DomainCounters {
        let domain = try await domain(id)
        return try await host.withConnection(for: id) { _ throws(LibvirtError) in
            try await domain.counters(disks: disks, interfaces: interfaces)
        }
    }

    private func noSuchDevice(_ device: String, _ id: InstanceID) -> ComputeFault {
        .invalid("The guest has no running device '\(SafeText.withoutPaths(device))'", instance: id)
    }

    /// `vdb` of `/dev/vdb`.
    static func deviceName(_ device: String) -> String {
        device.hasPrefix("/dev/") ? String(device.dropFirst(5)) : device
    }
}

extension LibvirtDriver: BandwidthReportingDriver {
    public func bandwidth(of instances: [Instance]) async throws -> [InterfaceUsage] {
        var usage: [InterfaceUsage] = []
        for instance in instances {
            guard let (_, counters, document) = try await knownCounters(instance.id) else { continue }
            for interface in document.interfaces {
                guard let told = counters.interfaces.first(where: { $0.device == interface.target }) else { continue }
                usage.append(
                    InterfaceUsage(
                        instance: instance.id, macAddress: interface.macAddress,
                        received: ByteCount(bytes: told.receivedBytes), sent: ByteCount(bytes: told.sentBytes)))
            }
        }
        return usage
    }

    /// The counters of a guest; nil for one that has gone meanwhile, which is no reason to tell nothing of the others.
    func knownCounters(
        _ id: InstanceID
    ) async throws -> (state: DomainState, counters: DomainCounters, document: DomainDocument)? {
        do { return try await counters(id) } catch let fault as ComputeFault where fault.kind == .instanceNotFound {
            return nil
        }
    }
}

extension LibvirtDriver: VolumeUsageReportingDriver {
    public func volumeUsage(of guests: [GuestRequest]) async throws -> [VolumeUsage] {
        var usage: [VolumeUsage] = []
        for guest in guests where !guest.blockDevices.isEmpty {
            guard let (_, counters, document) = try await knownCounters(guest.instance.id) else { continue }
            for volume in guest.blockDevices {
                guard let disk = document.disks.first(where: { $0.serial == volume.volumeID }),
                    let told = counters.disks.first(where: { $0.device == disk.target })
                else { continue }
                usage.append(
                    VolumeUsage(
                        instance: guest.instance.id, volumeID: volume.volumeID, counters: BlockCounters(told)))
            }
        }
        return usage
    }
}
