// SPDX-License-Identifier: Apache-2.0

internal import ComputeDriver
internal import ComputeModel

extension DriverScenario {
    /// Root disks and images.
    static let disks: [DriverScenario] = [
        DriverScenario(
            .snapshot, absence: .isNotFound, arrange: { try await $0.build() },
            act: { stage in
                let facet = try stage.facet((any SnapshottingDriver).self, .snapshot)
                let result = try await facet.snapshot(
                    SnapshotRequest(instance: stage.instance, imageID: "snapshot", path: stage.snapshotPath))
                stage.expect(["raw", "qcow2"].contains(result.diskFormat), "the format is \(result.diskFormat)")
                stage.expect(result.size > .zero && result.virtualSize > .zero, "the snapshot is empty")
            },
            shows: { stage in
                try await stage.expectPower(.running)
                try await stage.expectBoot(false)
                stage.expect(try await HostPicture(stage).hasSnapshot, "there is no file")
                try await stage.discardSnapshots()
            }),
        DriverScenario(
            .quiesce, absence: .isNotFound, arrange: { try await $0.build() },
            act: { try await $0.facet((any QuiescingDriver).self, .quiesce).quiesce($0.instance) },
            shows: { stage in
                try await stage.expectPower(.running)
                try await stage.expectFact(.quiesced, { $0 == ["true"] }, "the file systems are not at rest")
            }),
        DriverScenario(
            .unquiesce, isIdempotent: true, absence: .isNotFound,
            arrange: { stage in
                try await stage.build()
                try await stage.facet((any QuiescingDriver).self, .unquiesce).quiesce(stage.instance)
            },
            act: { try await $0.facet((any QuiescingDriver).self, .unquiesce).unquiesce($0.instance) },
            shows: { try await $0.expectFact(.quiesced, { $0 == ["false"] }, "the file systems are at rest") }),
        DriverScenario(
            .rebuild, absence: .isNotFound,
            arrange: { stage in
                try await stage.build()
                let disk = try await stage.facts()[.rootDisk]
                stage.document = ["root": .array((disk ?? []).map { .string($0) })]
            },
            act: { stage in
                try await stage.facet((any RebuildingDriver).self, .rebuild).rebuild(
                    SpawnRequest(
                        instance: stage.instance, image: stage.otherImage, networkInfo: stage.networkInfo))
            },
            shows: { stage in
                try await stage.expectPower(.running)
                try await stage.expectBoot(true)
                let old = stage.document["root"]?.array?.compactMap(\.string)
                try await stage.expectFact(.rootDisk, { $0 != old }, "the root disk is the old one")
            }),
        DriverScenario(
            .cacheImage,
            arrange: { try await $0.emptyCache(.cacheImage) },
            act: { stage in
                guard let image = stage.otherImage else { throw ComputeFault.invalid("there is no image to cache") }
                let isNew = try await stage.facet((any ImageCachingDriver).self, .cacheImage).cacheImage(image)
                let isFirst = stage.isFirst("act")
                stage.expect(isNew == isFirst, isFirst ? "the image was here before" : "the image came twice")
            },
            shows: { stage in
                try await stage.expectFact(
                    .cachedImages, { $0.contains(stage.otherImage?.metadata.id ?? "") }, "the image is not here")
            },
            clear: { try await $0.emptyCache(.cacheImage) }),
        DriverScenario(
            .manageImageCache,
            arrange: { stage in
                guard let image = stage.otherImage else { throw ComputeFault.invalid("there is no image to cache") }
                _ = try await stage.facet((any ImageCachingDriver).self, .manageImageCache).cacheImage(image)
            },
            act: { stage in
                let report = try await stage.facet((any ImageCachingDriver).self, .manageImageCache)
                    .manageImageCache(inUse: [stage.instance])
                let isFirst = stage.isFirst("act")
                stage.expect(report.removed > 0 || !isFirst, "nothing was removed")
            },
            shows: { stage in
                try await stage.expectFact(
                    .cachedImages, { !$0.contains(stage.otherImage?.metadata.id ?? "") }, "the image is still here")
            }),
        DriverScenario(
            .defaultRootDeviceName,
            act: { stage in
                let name = try await stage.facet((any DeviceNamingDriver).self, .defaultRootDeviceName)
                    .defaultRootDeviceName(for: stage.instance)
                stage.expect(name.hasPrefix("/dev/"), "the name is \(name)")
            }),
        DriverScenario(
            .defaultDeviceNames,
            act: { stage in
                let facet = try stage.facet((any DeviceNamingDriver).self, .defaultDeviceNames)
                let names = try await facet.defaultDeviceNames(for: stage.instance, count: 3)
                let root = try await facet.defaultRootDeviceName(for: stage.instance)
                stage.expect(names.count == 3 && Set(names + [root]).count == 4, "the names are \(names)")
                stage.expect(names.allSatisfy { $0.hasPrefix("/dev/") }, "the names are \(names)")
            }),
        DriverScenario(
            .nextDeviceName,
            act: { stage in
                let facet = try stage.facet((any DeviceNamingDriver).self, .nextDeviceName)
                let first = try await facet.nextDeviceName(for: stage.instance, taken: [])
                let second = try await facet.nextDeviceName(for: stage.instance, taken: [first])
                stage.expect(first != second && second.hasPrefix("/dev/"), "the names are \(first) and \(second)")
            }),
    ]
}

extension Stage {
    /// What a worker that has died left of a snapshot goes, and nothing else does.
    fileprivate func discardSnapshots() async throws {
        let facet = try facet((any SnapshottingDriver).self, .snapshot)
        let before = try await HostPicture(self)
        for isAbandoned in [false, true] {
            if isAbandoned {
                try await bench.abandonSnapshot(of: instance)
                try await expectFact(.copies, { !$0.isEmpty }, "there is nothing to discard")
            }
            for _ in 0..<2 { try await facet.discardSnapshot(of: instance) }
            for difference in try await HostPicture(self).differences(from: before) {
                complain("after a discard of \(isAbandoned ? "what was left" : "nothing"): \(difference)")
            }
        }
        try await expectBoot(false)
        try await facet.discardSnapshot(of: try bench.makeInstance())
    }

    fileprivate func emptyCache(_ operation: DriverOperation) async throws {
        _ = try await facet((any ImageCachingDriver).self, operation).manageImageCache(inUse: [])
    }
}
