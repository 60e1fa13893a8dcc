// SPDX-License-Identifier: Apache-2.0

public import ComputeDriver
internal import ComputeModel
internal import Libvirt

extension LibvirtDriver: ResizingDriver {
    public func migrateDiskAndPowerOff(_ request: MigrateDiskRequest) async throws -> DiskTransfer {
        let id = request.instance.id
        try requireWriting(id)
        try requireSameStorage(request.migration, id)
        let domain = try await domain(id)
        let directory = directory(id)
        let (destination, name) = (request.migration.destinationHost, configuration.hostName)
        let (state, isSaved) = try await host.withConnection(for: id) { _ throws(LibvirtError) in
            (try await domain.state(), try await domain.hasManagedSave())
        }
        if isSaved { throw ComputeFault.wrongState(.suspended, for: "be resized or moved", instance: id) }
        let stage = try await host.files.run("look at the instance's files") { () throws(ComputeFault) in
            try directory.moveStage()
        }
        switch stage {
        case .none: break
        case .moved:
            try await host.files.run("say whose the disks are") { () throws(ComputeFault) in
                try directory.setOwner(destination)
            }
            return try await transfer(id)
        case .finished:
            throw ComputeFault(
                .instanceInvalidState, "The instance was resized, which is neither confirmed nor reverted.",
                instance: id)
        case .cutOff:
            try await host.files.run("bring the instance's files back") { () throws(ComputeFault) in
                try directory.bringBack(to: name)
            }
        }
        let document = try await document(domain, id, inactive: true, withSecrets: true)
        try await requireRoom(request, id)
        let text = try document.rendered(instance: id)
        let isRunning = ![.shutdown, .crashed].contains(PowerState(state))
        do {
            try await switchOff(domain, id)
            try await withDiskTools("copy the instance's disks") { limits throws(ComputeFault) in
                try Self.moveFiles(directory, to: destination, text, limits, request.progress)
            }
        } catch {
            await uncancelled { [self] in
                // Where they can't be brought back, the guest can't be put back either, and that is logged.
                _ = try? await host.files.run("bring the instance's files back") { () throws(ComputeFault) in
                    try directory.bringBack(to: name)
                }
                await restore(document, id, isRunning: isRunning) {}
            }
            throw error
        }
        // The disks have moved, so it is too late to be cancelled.
        return try await uncancelled { [self] in try await transfer(id) }
    }

    public func finishMigration(_ request: FinishMigrationRequest) async throws {
        let id = request.instance.id
        try requireWriting(id)
        let directory = directory(id)
        let (text, stage) = try await host.files.run("read what has come") { () throws(ComputeFault) in
            (try directory.read(directory.domainDocument), try directory.moveStage())
        }
        guard let text else {
            // An earlier attempt used it up; what became of the guest since is another's doing.
            if stage == .finished { return }
            throw ComputeFault(
                .migrationFailure, "Migration error: the instance's disks have not come to this host", instance: id,
                arguments: ["reason": "the instance's disks have not come to this host"])
        }
        let original = try DomainDocument(parsing: text, instance: id)
        var document = original.rebased(from: original.directory ?? directory.path, to: directory.path)
        if request.isResized { document = document.resized(to: request.instance) }
        let isSameHost = request.migration.sourceHost == request.migration.destinationHost
        let size = ByteCount.gib(request.instance.rootGiB).bytes
        let isResized = request.isResized
        try await withDiskTools("give the root disk its size") { limits throws(ComputeFault) in
            guard isResized, let header = DiskHeader(path: directory.disk, format: .qcow2),
                header.virtualSize < size
            else { return }
            try DiskImage(path: directory.disk, instance: id, limits: limits).grow(to: size, format: .qcow2)
        }
        do {
            try await bringUp(try await define(document, id), id)
        } catch {
            await uncancelled { [self] in
                if isSameHost { return await restore(original, id, isRunning: false) {} }
                // What stays is off, and is removed with the instance or replaced by the next attempt.
                try? await removeDomain(id)
            }
            throw error
        }
        // The guest runs, so it is too late to be cancelled.
        try await uncancelled { [host] in
            try await host.files.run("forget how the guest came") { () throws(ComputeFault) in
                try directory.remove(directory.domainDocument)
            }
        }
    }

    public func confirmMigration(_ request: MigrationRequest) async throws {
        let id = request.instance.id
        try requireWriting(id)
        if request.migration.destinationHost != configuration.hostName {
            try await forgetGone(id)
        }
        let directory = directory(id)
        let isDestination = request.migration.destinationHost == configuration.hostName
        try await removeFiles("drop what the source kept") { () throws(ComputeFault) in
            try directory.kept.remove()
            guard isDestination, directory.exists else { return }
            try directory.forgetOwner()
            // Left by a worker that died between the start of the guest and this.
            try directory.remove(directory.domainDocument)
        }
    }

    public func finishRevertMigration(_ request: MigrationRequest) async throws {
        let id = request.instance.id
        try requireWriting(id)
        let directory = directory(id)
        let known = try await knownDomain(id)
        let isKept = try await host.files.run("look for what the source kept") { () throws(ComputeFault) in
            directory.kept.exists
        }
        // From here on the guest comes back, whoever is cancelled.
        try await uncancelled { [self] in try await bringBack(request, known, isKept: isKept) }
    }

    private func bringBack(_ request: MigrationRequest, _ known: Domain?, isKept: Bool) async throws {
        let id = request.instance.id
        let (directory, name) = (directory(id), configuration.hostName)
        if isKept {
            if let known { try await switchOff(known, id) }
            try await host.files.run("bring the instance's files back") { () throws(ComputeFault) in
                try directory.bringBack(to: name)
            }
        }
        let text = try await host.files.run("read what the source kept") { () throws(ComputeFault) in
            try directory.read(directory.domainDocument)
        }
        if let text {
            let domain = try await define(try DomainDocument(parsing: text, instance: id), id)
            try await start(domain, id)
            let isSameHost = request.migration.sourceHost == request.migration.destinationHost
            try await host.files.run("forget the move") { () throws(ComputeFault) in
                // The other host may still be told to remove what it had.
                if isSameHost { try directory.forgetOwner() }
                try directory.remove(directory.domainDocument)
            }
        } else {
            guard let known else { throw ComputeFault.instanceNotFound(id) }
            try await start(known, id)
        }
    }

    private func start(_ domain: Domain, _ id: InstanceID) async throws {
        let state = try await host.withConnection(for: id) { _ throws(LibvirtError) in try await domain.state() }
        if PowerState(state) != .running { try await bringUp(domain, id) }
    }

    /// Disks are handed over where both hosts see the same files; other moves are refused before anything is done.
    private func requireSameStorage(_ migration: Migration, _ id: InstanceID) throws(ComputeFault) {
        let destination = migration.destinationHost
        let others = configuration.hostsOfSameInstancesPath
        if destination == configuration.hostName || others.contains(destination) { return }
        let reason =
            "the libvirt driver moves disks only to hosts that see the same directory of instances, and "
            + "instances_path_shared_hosts does not name \(destination)"
        throw ComputeFault(
            .migrationFailure, "Migration error: \(reason)", instance: id, arguments: ["reason": .string(reason)],
            isRetriable: false)
    }

    /// No disk is made smaller: what stands at its end would be lost.
    private func requireRoom(_ request: MigrateDiskRequest, _ id: InstanceID) async throws {
        let directory = directory(id)
        let header = try await host.files.run("look at the root disk") { () throws(ComputeFault) in
            DiskHeader(path: directory.disk, format: .qcow2)
        }
        guard let header else {
            throw ComputeFault(.hypervisorFailure, "The instance's root disk can't be read.", instance: id)
        }
        let (old, new) = (request.migration.oldFlavor["root_gb"]?.int, request.migration.newFlavor["root_gb"]?.int)
        guard let new, new > 0, new < old ?? new, ByteCount.gib(new).bytes < header.virtualSize else { return }
        let reason = "the new flavor's root disk of \(new) GiB is smaller than the instance's"
        throw ComputeFault(
            .migrationFailure, "Migration error: \(reason)", instance: id, arguments: ["reason": .string(reason)],
            isRetriable: false)
    }

    private static func moveFiles(
        _ directory: InstanceDirectory, to destination: String, _ document: String, _ limits: DiskImage.Limits,
        _ progress: ProgressReporter
    ) throws(ComputeFault) {
        let mode = directory.isEntered
        // Of the source's, for the day it comes back.
        try directory.write(document, to: directory.domainDocument)
        try directory.putAside()
        let kept = directory.kept
        try directory.make(isEntered: mode)
        let files = try kept.diskFiles()
        let sizes = files.map { DiskHeader(path: "\(kept.path)/\($0)", format: .raw)?.allocated ?? 0 }
        let total = ByteCount(bytes: sizes.reduce(0, +))
        var done: Int64 = 0
        for (file, size) in zip(files, sizes) {
            progress.report(.init(done: ByteCount(bytes: done), total: total))
            try DiskImage(path: "\(directory.path)/\(file)", instance: directory.instance, limits: limits)
                .copyFile(from: "\(kept.path)/\(file)")
            done += size
        }
        progress.report(.init(done: total, total: total))
        // After the disks: a directory with it has them whole. Before the owner, which without it says that all is over.
        try directory.write(document, to: directory.domainDocument)
        try directory.setOwner(destination)
    }

    /// Nova's `disk_info` of what the destination finds.
    private func transfer(_ id: InstanceID) async throws -> DiskTransfer {
        let disks = try await disksInFiles(id)
        return DiskTransfer(JSONWriter.text(.array(disks.map(\.json))))
    }

    /// The disks in an instance's directory.
    func disksInFiles(_ id: InstanceID) async throws -> [GuestDisk] {
        let directory = directory(id)
        return try await host.files.run("look at the instance's disks") { () throws(ComputeFault) in
            try directory.diskFiles().compactMap { file in
                let path = "\(directory.path)/\(file)"
                guard let header = DiskHeader(path: path, format: .qcow2) ?? DiskHeader(path: path, format: .raw) else {
                    return nil
                }
                return GuestDisk(
                    format: header.format.rawValue, path: path, virtualSize: ByteCount(bytes: header.virtualSize),
                    size: ByteCount(bytes: header.allocated), backingFile: header.backingFile)
            }
        }
    }

    /// Forgets the domain of a guest that has gone to another host; one that runs here has not.
    func forgetGone(_ id: InstanceID) async throws {
        let domain = try await knownDomain(id)
        guard let domain else { return }
        let state = try await host.withConnection(for: id) { _ throws(LibvirtError) in try await domain.state() }
        guard [.shutdown, .crashed].contains(PowerState(state)) else {
            throw ComputeFault(
                .instanceInvalidState, "The guest has not left this host: it is \(PowerState(state)) here.",
                instance: id)
        }
        try await removeDomain(id)
    }
}

extension DomainDocument {
    /// The directory of the root disk's file.
    var directory: String? {
        guard let path = disks.first?.source, let slash = path.lastIndex(of: "/") else { return nil }
        return String(path[..<slash])
    }
}
