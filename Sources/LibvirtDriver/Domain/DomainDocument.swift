// SPDX-License-Identifier: Apache-2.0

internal import ComputeModel
internal import Libvirt
internal import XML

/// What libvirt says of a domain, to be read and to be changed.
struct DomainDocument: Sendable {
    /// A disk of a domain.
    struct Disk: Sendable, Hashable {
        /// `vda`.
        let target: String
        let bus: String
        /// The path of a file or of a device; nil for one that is neither.
        let source: String?
        let format: String?
        /// A volume's id.
        let serial: String?
        let isReadOnly: Bool
    }

    /// An interface of a domain.
    struct Interface: Sendable, Hashable {
        /// On the host (`vnet0`); nil for a guest that is off.
        let target: String?
        let macAddress: String
    }

    var root: XMLElement

    init(_ root: XMLElement) { self.root = root }

    init(parsing text: String, instance: InstanceID) throws(ComputeFault) {
        do throws(XMLError) { root = try XMLElement(parsing: text) } catch {
            throw ComputeFault(.hypervisorFailure, "libvirt's account of the guest can't be read.", instance: instance)
        }
    }

    func rendered(instance: InstanceID) throws(ComputeFault) -> String {
        do throws(XMLError) { return try root.rendered() } catch {
            throw ComputeFault.invalid("The guest can't be described to libvirt: \(error)", instance: instance)
        }
    }

    /// Disks that a guest can write to or read, without CD and floppy drives.
    var disks: [Disk] {
        root.all("devices/disk").compactMap { disk in
            guard disk["device"] ?? "disk" == "disk", let target = disk.first("target"), let name = target["dev"] else {
                return nil
            }
            let source = disk.first("source")
            return Disk(
                target: name, bus: target["bus"] ?? "virtio", source: source?["file"] ?? source?["dev"],
                format: disk.first("driver")?["type"], serial: disk.first("serial")?.text,
                isReadOnly: disk.first("readonly") != nil)
        }
    }

    var interfaces: [Interface] {
        root.all("devices/interface").compactMap { interface in
            interface.first("mac")?["address"].map {
                Interface(target: interface.first("target")?["dev"], macAddress: $0)
            }
        }
    }

    /// The address and port of the screen; nil for a guest that is off or has none.
    var vnc: (listen: String?, port: Int)? {
        let screen = root.all("devices/graphics").first { $0["type"] == "vnc" }
        guard let screen, let port = screen["port"].flatMap({ Int($0) }), port > 0 else { return nil }
        return (screen.first("listen")?["address"] ?? screen["listen"], port)
    }
}

extension LibvirtDriver {
    /// What libvirt says of an instance's domain as it is, or as it will be started.
    func document(
        _ domain: Domain, _ instance: InstanceID, inactive: Bool = false, withSecrets: Bool = false
    ) async throws -> DomainDocument {
        let text = try await host.withConnection(for: instance) { _ throws(LibvirtError) in
            try await domain.xml(inactive: inactive, withSecrets: withSecrets)
        }
        return try DomainDocument(parsing: text, instance: instance)
    }

    /// Has libvirt know the domain as the document says from its next start on.
    func define(_ document: DomainDocument, _ instance: InstanceID) async throws -> Domain {
        let text = try document.rendered(instance: instance)
        return try await host.withConnection(for: instance) { connection throws(LibvirtError) in
            try await connection.define(text, uuid: instance.description)
        }
    }
}
