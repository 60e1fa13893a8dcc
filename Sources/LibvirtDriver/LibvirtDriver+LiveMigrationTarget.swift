// SPDX-License-Identifier: Apache-2.0

public import ComputeDriver
public import ComputeModel
internal import Libvirt

#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#endif

extension LibvirtDriver: LiveMigrationTargetDriver {
    public func checkLiveMigrationDestination(_ request: LiveMigrationCheck) async throws -> JSONObject {
        let id = request.instance.id
        try requireWriting(id)
        let known = try await knownDomain(id)
        if known != nil { throw refusal("the destination has a guest of this uuid already", id) }
        let machine = try await machine()
        let path = configuration.instancesPath
        let free = try await host.files.run("look at the room for disks") { () throws(ComputeFault) in
            HostFigures.freeBytes(of: path) ?? 0
        }
        // A name that is known beforehand: what a worker that dies here leaves, the next attempt removes.
        let mark = ".storage-\(id)-\(configuration.hostName)"
        try await leaveMark(mark)
        var check: JSONObject = ["filename": .string(mark)]
        check["block_migration"] = .bool(request.takesDisks)
        check["disk_over_commit"] = .bool(request.mayOvercommitDisk)
        check["disk_available_mb"] = JSONValue(ByteCount(bytes: free).mib)
        check["machine"] = JSONValue(machine)
        check["instances_path"] = .string(path)
        check["target_connect_addr"] = .string(configuration.liveMigrationAddress ?? configuration.address)
        return check
    }

    public func cleanUpLiveMigrationCheck(_ check: JSONObject) async throws { try await removeStorageMark(check) }

    public func prepareLiveMigration(_ request: PrepareLiveMigrationRequest) async throws {
        let id = request.instance.id
        try requireWriting(id)
        let known = try await knownDomain(id)
        if known != nil { throw refusal("the destination has a guest of this uuid already", id) }
        let (directory, name) = (directory(id), configuration.hostName)
        guard let disks = request.disks else {
            let source = request.migrateData["source_host"]?.string ?? request.instance.host
            let isSeen = try await host.files.run("look for the instance's files") { () throws(ComputeFault) in
                guard directory.exists else { return false }
                // A rollback here must know that they are not this host's.
                if let source, try directory.owner() == nil { try directory.setOwner(source) }
                return true
            }
            guard isSeen else { throw refusal("the destination does not see the instance's files", id) }
            return
        }
        let details = request.migrateData["disks"]?.array ?? []
        let plans = try disks.map { try IncomingDisk($0, details, instance: id) }
        let userID = try await host.hypervisorUserID()
        try await withDiskTools("make room for the disks that come") { limits throws(ComputeFault) in
            // Files that are another host's are seen here too, and nobody's to replace.
            let owner = try directory.owner()
            guard !directory.exists || owner == name else {
                throw ComputeFault(
                    .migrationFailure, "Migration error: the destination has files of this instance already",
                    instance: id, arguments: ["reason": "the destination has files of this instance already"])
            }
            do throws(ComputeFault) {
                try directory.make(isEntered: userID.map { $0 != 0 && $0 != geteuid() } ?? false, owner: name)
                for plan in plans { try plan.make(in: directory, limits: limits) }
            } catch {
                // The failure counts; what stays is replaced the next time, or removed by the rollback.
                try? directory.discard(madeBy: name)
                throw error
            }
        }
    }

    public func finishLiveMigrationAtDestination(_ request: GuestRequest) async throws {
        let id = request.instance.id
        try requireWriting(id)
        let domain = try await domain(id)
        // It came with its definition; one that was not told of it gets it from how it runs.
        let isKept = try await host.withConnection(for: id) { _ throws(LibvirtError) in
            try await domain.isPersistent()
        }
        if !isKept { _ = try await define(try await document(domain, id, inactive: true, withSecrets: true), id) }
        let (directory, name) = (directory(id), configuration.hostName)
        try await host.files.run("note whose the instance's files are") { () throws(ComputeFault) in
            if directory.exists { try directory.setOwner(name) }
        }
    }

    public func rollBackLiveMigrationAtDestination(_ request: GuestRequest) async throws {
        let id = request.instance.id
        try requireWriting(id)
        let domain = try await knownDomain(id)
        if let domain {
            let state = try await host.withConnection(for: id) { _ throws(LibvirtError) in try await domain.state() }
            guard [.shutdown, .crashed].contains(PowerState(state)) else { return }
            try await removeDomain(id)
        }
        let (directory, name) = (directory(id), configuration.hostName)
        try await removeFiles("remove what was made for a guest") { () throws(ComputeFault) in
            try directory.discard(madeBy: name)
        }
    }
}

/// A disk that is made empty, for the bytes that come from another host.
private struct IncomingDisk: Sendable {
    let name: String
    let format: DiskOverlay.Format
    let size: Int64
    let backing: (path: String, format: DiskOverlay.Format)?

    init(_ disk: GuestDisk, _ details: [JSONValue], instance: InstanceID) throws(ComputeFault) {
        let name = disk.path.split(separator: "/").last.map(String.init) ?? ""
        guard let format = DiskOverlay.Format(rawValue: disk.format), name == "disk" || name.hasPrefix("disk."),
            name.utf8.count <= 64
        else {
            throw ComputeFault.invalid(
                "A disk of the guest that is to come has no known name or format", instance: instance)
        }
        self.name = name
        self.format = format
        size = disk.virtualSize.bytes
        guard let path = disk.backingFile, !path.isEmpty else {
            backing = nil
            return
        }
        let detail = details.first { $0["name"]?.string == name }
        guard path.hasPrefix("/"), detail?["backing_file"]?.string == path,
            let below = (detail?["backing_format"]?.string).flatMap({ DiskOverlay.Format(rawValue: $0) })
        else {
            throw ComputeFault.invalid(
                "The image below a disk of the guest that is to come is not described", instance: instance)
        }
        backing = (path, below)
    }

    func make(in directory: InstanceDirectory, limits: DiskImage.Limits) throws(ComputeFault) {
        let path = "\(directory.path)/\(name)"
        if let backing {
            guard access(backing.path, R_OK) == 0 else {
                let reason = "the destination has not the image that the guest's disk stands on"
                throw ComputeFault(
                    .migrationFailure, "Migration error: \(reason)", instance: directory.instance,
                    arguments: ["reason": .string(reason)])
            }
            try DiskOverlay(path: path, basePath: backing.path, baseFormat: backing.format, size: size).make(
                instance: directory.instance, within: limits.deadline, cpuSeconds: limits.cpuSeconds ?? 600,
                memory: limits.memory)
        } else {
            let image = DiskImage(path: path, instance: directory.instance, limits: limits)
            if format == .raw { try image.makeHole(size: size) } else { try image.makeEmpty(size: size) }
        }
    }
}
