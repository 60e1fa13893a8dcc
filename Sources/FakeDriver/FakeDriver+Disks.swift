// SPDX-License-Identifier: Apache-2.0

public import ComputeDriver
public import ComputeModel

extension FakeDriver: SnapshottingDriver {
    /// A small raw file, whatever the guest's size is.
    public func snapshot(_ request: SnapshotRequest) async throws -> SnapshotResult {
        let id = request.instance.id
        let text = Array("FAKE DISK OF \(id)\n".utf8)
        let contents = text + [UInt8](repeating: 0, count: 65_536 - text.count)
        return try await transfer(
            .snapshot, on: id, amount: .init(bytes: Int64(contents.count)), progress: request.progress,
            begin: { state throws(ComputeFault) in
                _ = try state.guest(id)
                try files.write(Array(contents.prefix(4096)), request.path)
            },
            undo: { _ in files.remove(request.path) },
            finish: { state throws(ComputeFault) in
                _ = try state.guest(id)
                try files.write(contents, request.path)
                let size = ByteCount(bytes: Int64(contents.count))
                return SnapshotResult(diskFormat: "raw", virtualSize: size, size: size)
            })
    }

    public func discardSnapshot(of instance: Instance) async throws {
        state.withLock { $0.guests[instance.id]?.isBeingCopied = false }
    }
}

extension FakeDriver: QuiescingDriver {
    public func quiesce(_ instance: Instance) async throws {
        try await perform(.quiesce, on: instance.id) { state throws(ComputeFault) in
            _ = try state.runningGuest(instance.id, to: "bring its file systems to rest")
            try state.change(instance.id) { $0.isQuiesced = true }
        }
    }

    public func unquiesce(_ instance: Instance) async throws {
        try await perform(.unquiesce, on: instance.id) { state throws(ComputeFault) in
            try state.change(instance.id) { $0.isQuiesced = false }
        }
    }
}

extension FakeDriver: RebuildingDriver {
    public func rebuild(_ request: SpawnRequest) async throws {
        let id = request.instance.id
        try await transfer(
            .rebuild, on: id, amount: .gib(request.instance.rootGiB), progress: request.progress,
            begin: { state throws(ComputeFault) in _ = try state.guest(id) },
            finish: { state throws(ComputeFault) in
                var guest = try state.guest(id)
                guest.imageID = request.image?.metadata.id ?? request.instance.imageRef
                guest.rootDiskNumber += 1
                guest.files = request.injectedFiles
                if let password = request.adminPassword { guest.adminPassword = password }
                guest.rescue = nil
                if guest.isOn { state.stop(guest) }
                state.boot(guest)
            })
    }
}

extension FakeDriver: ImageCachingDriver {
    public func manageImageCache(inUse instances: [Instance]) async throws -> ImageCacheReport {
        let wanted = Set(instances.compactMap(\.imageRef))
        return try await perform(.manageImageCache) { state in
            let unused = state.host.images.filter { !wanted.contains($0.key) }
            for image in unused.keys { state.host.images[image] = nil }
            return ImageCacheReport(
                kept: state.host.images.count, removed: unused.count, freed: unused.values.reduce(.zero, +))
        }
    }

    public func cacheImage(_ image: LocalImage) async throws -> Bool {
        let id = image.metadata.id
        return try await transfer(.cacheImage, amount: .init(bytes: image.virtualSize)) { state in
            if state.host.images[id] != nil { return false }
            state.host.images[id] = .init(bytes: image.virtualSize)
            return true
        }
    }
}

extension FakeDriver: DeviceNamingDriver {
    public func defaultRootDeviceName(for instance: Instance) async throws -> String {
        try await perform(.defaultRootDeviceName) { _ in "/dev/vda" }
    }

    public func defaultDeviceNames(for instance: Instance, count: Int) async throws -> [String] {
        try await perform(.defaultDeviceNames) { _ throws(ComputeFault) in
            guard count <= Self.deviceNames.count else { throw Self.noName(instance) }
            return Array(Self.deviceNames.prefix(max(0, count)))
        }
    }

    public func nextDeviceName(for instance: Instance, taken: Set<String>) async throws -> String {
        try await perform(.nextDeviceName, on: instance.id) { state throws(ComputeFault) in
            let taken = taken.union(state.guests[instance.id]?.volumes.map(\.deviceName) ?? [])
            guard let name = Self.deviceNames.first(where: { !taken.contains($0) }) else { throw Self.noName(instance) }
            return name
        }
    }

    /// After the root's.
    private static let deviceNames = "bcdefghijklmnopqrstuvwxyz".map { "/dev/vd\($0)" }

    private static func noName(_ instance: Instance) -> ComputeFault {
        .invalid("A guest has names for 25 devices beside its root.", instance: instance.id)
    }
}

extension FakeDriver: SpawnPreparingDriver {
    public func prepareForSpawn(_ instance: Instance) async throws {
        try await perform(.prepareForSpawn, on: instance.id) { state in
            _ = state.host.reservations.insert(instance.id)
        }
    }

    public func cleanUpFailedSpawn(_ instance: Instance) async throws {
        try await perform(.cleanUpFailedSpawn, on: instance.id) { state in
            _ = state.host.reservations.remove(instance.id)
        }
    }
}
