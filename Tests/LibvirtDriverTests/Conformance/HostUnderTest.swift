// SPDX-License-Identifier: Apache-2.0

import ComputeModel
import DriverConformance
import Foundation
import Libvirt
import LibvirtDriver
import TestSupport
import XML

/// A host of the conformance suite, with another eye on its guests than the driver's.
struct HostUnderTest: Sendable {
    let driver: LibvirtDriver
    let name: String
    let instances: URL
    /// What libvirt knows of a guest; nil where there is none.
    let document: @Sendable (InstanceID) async throws -> XML.XMLElement?
    /// Whether a guest would be forgotten with its next stop.
    let isPassing: @Sendable (InstanceID) async throws -> Bool

    /// On qemu: virsh is the witness.
    init(_ driver: LibvirtDriver, _ server: LibvirtServer, name: String = "localhost") {
        self.driver = driver
        self.name = name
        instances = server.directory.appending(path: "instances")
        document = { id in
            guard let text = try? await server.virsh("dumpxml", id.description) else { return nil }
            return try XML.XMLElement(parsing: text)
        }
        isPassing = { id in
            try await server.virsh("list", "--all", "--transient", "--uuid").contains(id.description)
        }
    }

    /// On a hypervisor inside this process, which is seen through a connection beside the driver's.
    init(_ driver: LibvirtDriver, _ connection: Connection, name: String, instances: URL) {
        self.driver = driver
        self.name = name
        self.instances = instances
        document = { id in
            guard let domain = try await connection.domain(uuid: id.description) else { return nil }
            return try XML.XMLElement(parsing: try await domain.xml())
        }
        isPassing = { id in
            guard let domain = try await connection.domain(uuid: id.description) else { return false }
            return try await !domain.isPersistent()
        }
    }

    /// - Parameters:
    ///   - bridge: where interfaces are plugged in.
    ///   - volumes: their ids by their files.
    func facts(of id: InstanceID, bridge: Bridge, volumes: [String: String]) async throws -> [HostFact: [String]] {
        let domain = try await document(id)
        let disks = domain?.all("devices/disk") ?? []
        let plugged = disks.compactMap { disk -> (id: String, file: String, device: String)? in
            guard let file = disk.first("source")?["file"], let volume = volumes[file],
                let device = disk.first("target")?["dev"]
            else { return nil }
            return (volume, file, device)
        }
        let interfaces = (domain?.all("devices/interface") ?? []).map {
            (address: $0.first("mac")?["address"] ?? "", device: $0.first("target")?["dev"] ?? "")
        }
        let ports = try bridge.ports()
        let files = FileManager.default
        let isLeft = domain == nil && files.fileExists(atPath: instances.appending(path: "\(id)").path)
        func found(_ name: String) -> [String] {
            files.fileExists(atPath: instances.appending(path: name).path) ? [name] : []
        }
        let marks = (try? files.contentsOfDirectory(atPath: instances.path)) ?? []
        let mirrors = disks.filter { $0.first("mirror") != nil }.map { _ in "mirror" }
        let firstDisk = disks.first?.first("source")?["file"] ?? ""
        return [
            .volumes: plugged.map { "\($0.id)@/dev/\($0.device)" }.sorted(),
            .volumeSizes: try plugged.map { volume in
                "\(volume.id)=\(try files.attributesOfItem(atPath: volume.file)[.size] ?? 0)"
            }.sorted(),
            .interfaces: interfaces.map(\.address).sorted(),
            .pluggedInterfaces: interfaces.filter { ports.contains($0.device) }.map(\.address).sorted(),
            .rescue: firstDisk.hasSuffix("/disk.rescue") ? ["rescue"] : [],
            .copies: mirrors + found("\(id)/snapshot.partial"), .rootDisk: found("\(id)/disk"),
            .kept: found("\(id)_resize"),
            .marks: marks.filter { $0.hasPrefix(".storage-\(id)-") }.sorted(),
            .expected: isLeft ? ["files"] : [], .leftBehind: isLeft ? ["files"] : [],
            // The driver makes none.
            .filters: [],
            .passing: domain == nil ? [] : ["\(try await isPassing(id))"],
        ]
    }
}
