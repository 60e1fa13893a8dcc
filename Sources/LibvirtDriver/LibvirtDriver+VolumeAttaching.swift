// SPDX-License-Identifier: Apache-2.0

public import ComputeDriver
public import ComputeModel
internal import Libvirt
internal import XML

#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#endif

extension LibvirtDriver: VolumeAttachingDriver {
    public func volumeConnector(for instance: Instance) async throws -> VolumeConnector {
        let initiator = try await host.files.run("read the iSCSI name") { () throws(ComputeFault) in
            HostFigures.initiatorName()
        }
        return VolumeConnector(ip: configuration.address, initiator: initiator, host: configuration.hostName)
    }

    public func attachVolume(_ device: BlockDevice, to instance: Instance) async throws {
        let id = instance.id
        try requireWriting(id)
        let volume = try LocalVolume(device, instance: id)
        let domain = try await domain(id)
        let places = try await places(of: domain, id)
        var missing: DeviceScope = []
        for (scope, document) in places {
            if document.disk(of: volume) != nil { continue }
            if document.disks.contains(where: { $0.target == volume.target }) {
                throw ComputeFault.invalid(
                    "The device \(device.deviceName) is in use by another disk of the guest", instance: id)
            }
            missing.insert(scope)
        }
        guard !missing.isEmpty else { return }
        let text = try await render(self.device(of: volume, instance: id), id)
        try await requireAnswering(id)
        let scope = missing
        try await host.withConnection(for: id) { _ throws(LibvirtError) in try await domain.attachDevice(text, scope) }
    }

    /// A running guest is asked first, and what it will be started with is changed when it has let go: one that does
    /// not let go keeps the volume, and is asked again by a repeat.
    public func detachVolume(_ device: BlockDevice, from instance: Instance) async throws {
        let id = instance.id
        try requireWriting(id)
        let name = Self.deviceName(device.deviceName)
        let path = device.connection.reveal()["data"]?["device_path"]?.string
        guard let domain = try await knownDomain(id) else { return }
        for (scope, document) in try await places(of: domain, id) {
            guard let disk = document.disk(of: device.volumeID, path: path, target: name) else { continue }
            let target = disk.first("target")?["dev"] ?? name
            try await requireAnswering(id)
            try await detach(disk, target, from: domain, scope, id) { $0.disks.contains { $0.target == target } }
        }
    }

    /// What a domain is described by: as it runs, where it does, then as it will be started.
    func places(of domain: Domain, _ id: InstanceID) async throws -> [(DeviceScope, DomainDocument)] {
        let state = try await host.withConnection(for: id) { _ throws(LibvirtError) in try await domain.state() }
        var places: [(DeviceScope, DomainDocument)] = []
        if PowerState(state) != .shutdown, PowerState(state) != .crashed {
            places.append((.live, try await document(domain, id, withSecrets: true)))
        }
        places.append((.configuration, try await document(domain, id, inactive: true, withSecrets: true)))
        return places
    }

    /// Takes a device out, and waits until it is out. Who is cancelled meanwhile is so only where it is still in.
    func detach(
        _ element: XMLElement, _ name: String, from domain: Domain, _ scope: DeviceScope, _ id: InstanceID,
        clock: any Clock<Duration> = ContinuousClock(), isThere: @escaping @Sendable (DomainDocument) -> Bool
    ) async throws {
        let text = try render(element, id)
        let end = ContinuousClock.now + configuration.detachWait
        while true {
            let isOut = try await uncancelled { [self] in
                try await host.withConnection(for: id) { _ throws(LibvirtError) in
                    do throws(LibvirtError) { try await domain.detachDevice(text, scope) } catch {
                        // Gone, or asked before and not let go of yet.
                        switch error.code {
                        case .deviceMissing, .operationInvalid, .operationFailed, .invalidArgument: return
                        default: throw error
                        }
                    }
                }
                return !isThere(try await document(domain, id, inactive: scope == .configuration))
            }
            if isOut { return }
            guard ContinuousClock.now < end else {
                throw ComputeFault(
                    .hypervisorFailure,
                    "The guest did not let go of \(name) within \(configuration.detachWait); it may be in use there.",
                    instance: id, isRetriable: true)
            }
            try await clock.sleep(for: .milliseconds(500), tolerance: nil)
        }
    }

    func render(_ element: XMLElement, _ id: InstanceID) throws(ComputeFault) -> String {
        do throws(XMLError) { return try element.rendered() } catch {
            throw ComputeFault.invalid("The device can't be described to libvirt: \(error)", instance: id)
        }
    }
}

extension DomainDocument {
    /// The element of a volume's disk; nil where it is not plugged in.
    func disk(of volume: LocalVolume) -> XMLElement? {
        disk(of: volume.volumeID, path: volume.path, target: volume.target)
    }

    /// Known by its volume's id; or, where a volume took the place of another under a running guest, by its path.
    func disk(of volumeID: String, path: String?, target: String) -> XMLElement? {
        let all = root.all("devices/disk")
        if let known = all.first(where: { $0.first("serial")?.text == volumeID }) { return known }
        return all.first {
            guard let path, let source = $0.first("source") else { return false }
            return (source["file"] ?? source["dev"]) == path && $0.first("target")?["dev"] == target
        }
    }
}
