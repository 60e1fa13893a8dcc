// SPDX-License-Identifier: Apache-2.0

public import ComputeDriver
internal import ComputeModel
internal import Libvirt
internal import XML

extension LibvirtDriver: VolumeSwappingDriver {
    public func swapVolume(_ request: SwapVolumeRequest) async throws {
        let id = request.instance.id
        try requireWriting(id)
        let (old, new) = (try LocalVolume(request.old, instance: id), try LocalVolume(request.new, instance: id))
        let domain = try await domain(id)
        let places = try await places(of: domain, id)
        guard let live = places.first(where: { $0.0 == .live })?.1 else {
            throw ComputeFault.wrongState(.shutdown, for: "exchange a volume", instance: id)
        }
        let element = try await device(of: new, instance: id)
        try await requireAnswering(id)
        if let target = live.disk(of: old)?.first("target")?["dev"], live.disk(at: new.path) == nil {
            try await copy(target, of: domain, to: element, id, request.progress)
            // A mirror that nobody ends would go on, so from here on it is too late to be cancelled.
            try await uncancelled { [host] in
                try await host.withConnection(for: id) { _ throws(LibvirtError) in
                    try await domain.endBlockJob(target, pivot: true)
                }
            }
        } else if live.disk(at: new.path) == nil {
            throw ComputeFault(
                .volumeNotFound, "Volume \(old.volumeID) is not plugged into the guest.", instance: id,
                arguments: ["volume_id": .string(old.volumeID)])
        }
        // The guest goes on with the new one from here on; so it must after its next start.
        try await uncancelled { [self] in
            var saved = try await document(domain, id, inactive: true, withSecrets: true)
            saved.replaceDisk(old, with: element)
            _ = try await define(saved, id)
        }
    }
}

extension DomainDocument {
    func disk(at path: String) -> Disk? { disks.first { $0.source == path } }

    /// Puts a volume in another's place, under that one's device name.
    mutating func replaceDisk(_ old: LocalVolume, with element: XMLElement) {
        guard let found = disk(of: old), let target = found.first("target") else { return }
        var new = element
        for (index, child) in new.children.enumerated() {
            if case .element(let part) = child, part.name.local == "target" { new.children[index] = .element(target) }
        }
        replaceDevice(found, with: [new])
    }

    /// Puts elements in the place of a device.
    mutating func replaceDevice(_ old: XMLElement, with new: [XMLElement]) {
        for (index, child) in root.children.enumerated() {
            guard case .element(var devices) = child, devices.name.local == "devices" else { continue }
            devices.children = devices.children.flatMap { $0 == .element(old) ? new.map { .element($0) } : [$0] }
            root.children[index] = .element(devices)
        }
    }
}
