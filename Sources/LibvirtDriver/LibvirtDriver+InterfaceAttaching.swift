// SPDX-License-Identifier: Apache-2.0

public import ComputeDriver
public import ComputeModel
internal import Libvirt
internal import XML

extension LibvirtDriver: InterfaceAttachingDriver {
    public func attachInterface(_ interface: JSONValue, to instance: Instance) async throws {
        let id = instance.id
        try requireWriting(id)
        let wanted = try GuestInterface(interface, instance: id)
        let domain = try await domain(id)
        var missing: DeviceScope = []
        for (scope, document) in try await places(of: domain, id)
        where document.interface(of: wanted.macAddress) == nil { missing.insert(scope) }
        guard !missing.isEmpty else { return }
        _ = try await interfaces([interface], id)
        let text = try render(wanted.xml, id)
        try await requireAnswering(id)
        let scope = missing
        try await host.withConnection(for: id) { _ throws(LibvirtError) in try await domain.attachDevice(text, scope) }
    }

    public func detachInterface(_ interface: JSONValue, from instance: Instance) async throws {
        let id = instance.id
        try requireWriting(id)
        guard let address = GuestInterface.macAddress(interface) else {
            throw ComputeFault.invalid("An interface of the guest has no MAC address", instance: id)
        }
        guard let domain = try await knownDomain(id) else { return }
        for (scope, document) in try await places(of: domain, id) {
            guard let element = document.interface(of: address) else { continue }
            try await requireAnswering(id)
            try await detach(element, "the interface \(address)", from: domain, scope, id) {
                $0.interface(of: address) != nil
            }
        }
    }
}

extension DomainDocument {
    func interface(of macAddress: String) -> XMLElement? {
        root.all("devices/interface").first { $0.first("mac")?["address"]?.lowercased() == macAddress }
    }
}
