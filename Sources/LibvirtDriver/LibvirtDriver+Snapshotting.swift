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

extension LibvirtDriver: SnapshottingDriver {
    /// A running or paused guest goes on as if nothing were: its disk is mirrored, and the mirror cut off when it has
    /// caught up. The disk of one that is off, or whose memory is on the disk, is at rest and is copied as it is.
    public func snapshot(_ request: SnapshotRequest) async throws -> SnapshotResult {
        let id = request.instance.id
        try requireWriting(id)
        let domain = try await domain(id)
        let places = try await places(of: domain, id)
        guard let disk = places.first?.1.disks.first, let source = disk.source else {
            throw ComputeFault(.hypervisorFailure, "The guest has no root disk that can be copied.", instance: id)
        }
        let format = disk.format == "raw" ? DiskOverlay.Format.raw : .qcow2
        // Where QEMU may write, and on the file system that has room for disks.
        let partial = directory(id).partialSnapshot
        do {
            let size = try await withDiskTools("make a file for a snapshot") { limits throws(ComputeFault) in
                unlink(partial)
                guard let size = DiskHeader(path: source, format: format)?.virtualSize else {
                    throw ComputeFault(.hypervisorFailure, "The guest's root disk can't be read.", instance: id)
                }
                try DiskImage(path: partial, instance: id, limits: limits).makeEmpty(size: size)
                return size
            }
            if places.first?.0 == .live {
                try await requireAnswering(id)
                let copy = XMLElement("disk", ["type": "file", "device": "disk"]) {
                    XMLElement("driver", ["name": "qemu", "type": "qcow2"])
                    XMLElement("source", ["file": partial])
                    XMLElement("target", ["dev": disk.target])
                }
                try await self.copy(disk.target, of: domain, to: copy, id, request.progress)
                // A mirror that nobody ends would go on, whoever was cancelled.
                try await uncancelled { [self] in try await endBlockJob(disk.target, of: domain, id) }
            } else {
                try await withDiskTools("copy a guest's disk") { limits throws(ComputeFault) in
                    try DiskImage(path: partial, instance: id, limits: limits).copy(from: source, format: format) {
                        request.progress.report(
                            .init(
                                done: ByteCount(bytes: Int64(Double(size) / 100 * $0)),
                                total: ByteCount(bytes: size)))
                    }
                }
            }
            try Task.checkCancellation()
            return try await withDiskTools("hand a snapshot over") { limits throws(ComputeFault) in
                try Self.move(partial, to: request.path, id, limits)
                var status = stat()
                guard stat(request.path, &status) == 0 else {
                    throw ComputeFault(.hypervisorFailure, "The snapshot's file has gone.", instance: id)
                }
                return SnapshotResult(
                    diskFormat: "qcow2", virtualSize: ByteCount(bytes: size),
                    size: ByteCount(bytes: Int64(status.st_size)))
            }
        } catch {
            await uncancelled { [self] in
                // The failure counts, not what its clean-up comes to.
                _ = try? await host.files.run("remove a snapshot's file") { () throws(ComputeFault) in
                    unlink(partial)
                    unlink(request.path)
                }
            }
            throw error
        }
    }

    public func discardSnapshot(of instance: Instance) async throws {
        let id = instance.id
        try requireWriting(id)
        let partial = directory(id).partialSnapshot
        if let domain = try await knownDomain(id) {
            // QEMU goes on with a mirror that a worker has left, and libvirt refuses a save and a move meanwhile.
            for disk in try await document(domain, id).root.all("devices/disk") {
                let mirror = disk.first("mirror")
                guard mirror?["file"] == partial || mirror?.first("source")?["file"] == partial,
                    let target = disk.first("target")?["dev"]
                else { continue }
                try await endBlockJob(target, of: domain, id)
            }
        }
        try await host.files.run("remove a snapshot's file") { () throws(ComputeFault) in _ = unlink(partial) }
    }

    /// Moves a file to where it is wanted, to another file system too; there it belongs to the worker.
    private static func move(
        _ source: String, to path: String, _ id: InstanceID, _ limits: DiskImage.Limits
    ) throws(ComputeFault) {
        // Whoever QEMU runs as has written it, and libvirt need not give it back.
        if chown(source, geteuid(), getegid()) == 0, rename(source, path) == 0 { return }
        try DiskImage(path: path, instance: id, limits: limits).copyFile(from: source)
        unlink(source)
    }
}

extension InstanceDirectory {
    /// Where a snapshot grows.
    fileprivate var partialSnapshot: String { path + "/snapshot.partial" }
}
