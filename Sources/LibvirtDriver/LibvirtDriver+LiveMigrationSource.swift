// SPDX-License-Identifier: Apache-2.0

public import ComputeDriver
public import ComputeModel
internal import Libvirt
internal import XML

extension LibvirtDriver: LiveMigrationSourceDriver {
    public func checkLiveMigrationSource(_ instance: Instance, destination: JSONObject) async throws -> JSONObject {
        let id = instance.id
        try requireWriting(id)
        let domain = try await domain(id)
        let state = try await host.withConnection(for: id) { _ throws(LibvirtError) in try await domain.state() }
        guard [.running, .paused].contains(PowerState(state)) else {
            throw ComputeFault.wrongState(PowerState(state), for: "be moved as it runs", instance: id)
        }
        let isShared = try await seesStorageMark(destination)
        let takesDisks = destination["block_migration"]?.bool ?? false
        if isShared, takesDisks { throw refusal("the hosts share their storage, so no disk need come along", id) }
        if !isShared, !takesDisks {
            throw refusal("the hosts share no storage, so the disks must come along (block migration)", id)
        }
        let disks = try await disksInFiles(id)
        if takesDisks {
            let mayOvercommit = destination["disk_over_commit"]?.bool ?? false
            let needed = disks.reduce(ByteCount.zero) { $0 + (mayOvercommit ? $1.size : $1.virtualSize) }
            guard let available = destination["disk_available_mb"]?.int, needed <= .mib(available) else {
                throw refusal("the destination has no room for disks of \(needed)", id)
            }
        }
        let document = try await document(domain, id)
        let directory = directory(id)
        let isSameMachine = try await machine() == destination["machine"]?.string
        let others = document.disks.filter { $0.source.map { !$0.hasPrefix(directory.path + "/") } ?? true }
        if !others.isEmpty, takesDisks || !isSameMachine {
            let names = others.map(\.target).joined(separator: ", ")
            throw refusal("it has volumes that only this host reaches (\(names))", id)
        }
        if isShared, !isSameMachine, document.usesPageCache {
            throw refusal("its disks are written through this host's page cache, which the other would not see", id)
        }
        var answer = destination
        answer["source_host"] = .string(configuration.hostName)
        answer["is_shared_instance_path"] = .bool(isShared)
        answer["is_same_machine"] = .bool(isSameMachine)
        answer["disks"] = .array(document.localDisks(in: directory, disks))
        return answer
    }

    public func disks(of instance: Instance) async throws -> [GuestDisk] {
        _ = try await domain(instance.id)
        return try await disksInFiles(instance.id)
    }

    public func liveMigrate(_ request: LiveMigrationRequest) async throws {
        let id = request.instance.id
        try requireWriting(id)
        let domain = try await domain(id)
        let state = try await host.withConnection(for: id) { _ throws(LibvirtError) in try await domain.state() }
        guard [.running, .paused].contains(PowerState(state)) else {
            throw ComputeFault.wrongState(PowerState(state), for: "be moved as it runs", instance: id)
        }
        try await requireAnswering(id)
        let move = try await move(request, domain)
        do {
            try await host.transfer(domain, request.progress, instance: id) { () throws(LibvirtError) in
                try await domain.migrate(move)
            }
        } catch {
            // One that was made to pause so that it would come to an end goes on here; where it can't, the failure
            // of the move is still what is told.
            if PowerState(state) == .running {
                await uncancelled { [self] in
                    try? await host.withConnection(for: id) { _ throws(LibvirtError) in
                        if try await domain.state() == .paused { try await domain.resume() }
                    }
                }
            }
            throw error
        }
        // The guest runs over there, so it is too late to be cancelled.
        try await uncancelled { [self] in try await noteOwner(request) }
    }

    public func cleanUpAfterLiveMigration(_ request: LiveMigrationRequest) async throws {
        let id = request.instance.id
        try requireWriting(id)
        try await noteOwner(request)
        try await forgetGone(id)
        if request.sharesStorage { return }
        let (directory, name) = (directory(id), configuration.hostName)
        try await removeFiles("remove the files of a guest that has gone") { () throws(ComputeFault) in
            if directory.exists, try directory.belongs(to: name) { try directory.remove() }
        }
    }

    /// Files that both hosts see are the other's once the guest runs there; it may have handed them on since.
    private func noteOwner(_ request: LiveMigrationRequest) async throws {
        guard request.sharesStorage else { return }
        let (directory, name) = (directory(request.instance.id), configuration.hostName)
        try await host.files.run("note whose the instance's files are") { () throws(ComputeFault) in
            if directory.exists, try directory.belongs(to: name) { try directory.setOwner(request.destination) }
        }
    }

    private func move(_ request: LiveMigrationRequest, _ domain: Domain) async throws -> DomainMove {
        let id = request.instance.id
        let data = request.migrateData
        var move = DomainMove(
            destinationURI: configuration.liveMigrationURI.split(separator: "%s", omittingEmptySubsequences: false)
                .joined(separator: request.destination),
            takesDisks: request.takesDisks)
        if let address = data["target_connect_addr"]?.string {
            move.dataURI = "tcp://" + (address.contains(":") ? "[\(address)]" : address)
            move.listenAddress = address
        }
        // The two checks have seen that both hosts read and write the same bytes.
        move.isStorageKnownSafe = data["is_shared_instance_path"]?.bool ?? false
        let here = configuration.instancesPath
        if let there = data["instances_path"]?.string, there != here {
            let (live, saved) = try await host.withConnection(for: id) { _ throws(LibvirtError) in
                (try await domain.migratableXML(), try await domain.xml(inactive: true, withSecrets: true))
            }
            move.destinationXML = try DomainDocument(parsing: live, instance: id).rebased(from: here, to: there)
                .rendered(instance: id)
            move.persistentXML = try DomainDocument(parsing: saved, instance: id).rebased(from: here, to: there)
                .rendered(instance: id)
        }
        return move
    }

    func refusal(_ reason: String, _ id: InstanceID) -> ComputeFault {
        ComputeFault(
            .migrationFailure, "Migration pre-check error: \(reason)", instance: id,
            arguments: ["reason": .string(reason)], isRetriable: false)
    }

    /// What tells one machine's run from all others.
    func machine() async throws -> String? {
        try await host.files.run("read the machine's identity") { () throws(ComputeFault) in
            HostFigures.bootIdentity()
        }
    }
}

extension LiveMigrationRequest {
    /// Whether both hosts see the guest's files.
    fileprivate var sharesStorage: Bool { migrateData["is_shared_instance_path"]?.bool ?? !takesDisks }
}

extension DomainDocument {
    /// Whether a disk that it writes to is cached by the host.
    var usesPageCache: Bool {
        root.all("devices/disk").contains { disk in
            disk["device"] ?? "disk" == "disk" && disk.first("readonly") == nil
                && !["none", "directsync"].contains(disk.first("driver")?["cache"] ?? "writeback")
        }
    }

    /// What the other host needs to know of the disks that come along, formats included: nothing is probed.
    func localDisks(in directory: InstanceDirectory, _ disks: [GuestDisk]) -> [JSONValue] {
        let elements = root.all("devices/disk")
        return disks.map { disk in
            let element = elements.first { $0.first("source")?["file"] == disk.path }
            return [
                "name": .string(String(disk.path.dropFirst(directory.path.count + 1))), "format": .string(disk.format),
                "virt_disk_size": .number(JSONNumber(disk.virtualSize.bytes)),
                "backing_file": .string(disk.backingFile ?? ""),
                "backing_format": JSONValue(element?.first("backingStore/format")?["type"]),
            ]
        }
    }
}
