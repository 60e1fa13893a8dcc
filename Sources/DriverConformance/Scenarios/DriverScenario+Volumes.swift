// SPDX-License-Identifier: Apache-2.0

internal import ComputeDriver
internal import ComputeModel

extension DriverScenario {
    /// Volumes and shares.
    static let volumes: [DriverScenario] = [
        DriverScenario(
            .volumeConnector,
            act: { stage in
                let connector = try await stage.facet((any VolumeAttachingDriver).self, .volumeConnector)
                    .volumeConnector(for: stage.instance)
                stage.expect(!connector.ip.isEmpty && !connector.host.isEmpty, "the connector is \(connector)")
            }),
        DriverScenario(
            .attachVolume, needsVolumes: true, isIdempotent: true, absence: .isNotFound,
            arrange: { try await $0.build() },
            act: { stage in
                try await stage.facet((any VolumeAttachingDriver).self, .attachVolume)
                    .attachVolume(try stage.theVolume(), to: stage.instance)
            },
            shows: { stage in
                try await stage.expectVolumes([try stage.theVolume()])
                // Another volume is not put in its place.
                do {
                    try await stage.facet((any VolumeAttachingDriver).self, .attachVolume)
                        .attachVolume(try stage.theOtherVolume(), to: stage.instance)
                    stage.complain("a second volume took the place of the first")
                } catch let fault as ComputeFault where fault.kind == .invalid {}
                try await stage.expectVolumes([try stage.theVolume()])
                try await stage.expectBoot(false)
            }),
        DriverScenario(
            .detachVolume, needsVolumes: true, isIdempotent: true, absence: .isSuccess,
            arrange: { try await $0.buildWithVolume() },
            act: { stage in
                try await stage.facet((any VolumeAttachingDriver).self, .detachVolume)
                    .detachVolume(try stage.theVolume(), from: stage.instance)
            },
            shows: { stage in
                try await stage.expectVolumes([])
                try await stage.expectBoot(false)
            }),
        DriverScenario(
            .swapVolume, needsVolumes: true, absence: .isNotFound, arrange: { try await $0.buildWithVolume() },
            act: { stage in
                try await stage.facet((any VolumeSwappingDriver).self, .swapVolume).swapVolume(
                    SwapVolumeRequest(
                        instance: stage.instance, old: try stage.theVolume(), new: try stage.theOtherVolume()))
            },
            shows: { stage in
                try await stage.expectVolumes([try stage.theOtherVolume()])
                try await stage.expectBoot(false)
            }),
        DriverScenario(
            .extendVolume, needsVolumes: true, absence: .isNotFound, arrange: { try await $0.buildWithVolume() },
            act: { stage in
                try await stage.facet((any VolumeExtendingDriver).self, .extendVolume).extendVolume(
                    ExtendVolumeRequest(instance: stage.instance, volume: try stage.theVolume(), size: .gib(2)))
            },
            shows: { stage in
                let expected = "\(try stage.theVolume().volumeID)=\(ByteCount.gib(2).bytes)"
                try await stage.expectFact(.volumeSizes, { $0 == [expected] }, "the guest was not told")
            }),
        DriverScenario(
            .createVolumeSnapshot, needsVolumes: true, absence: .isNotFound,
            arrange: { try await $0.buildWithVolume() },
            act: { stage in
                try await stage.facet((any AssistedVolumeSnapshottingDriver).self, .createVolumeSnapshot)
                    .createVolumeSnapshot(try stage.volumeSnapshot())
            },
            shows: { stage in
                let expected = "\(try stage.theVolume().volumeID)/snap"
                try await stage.expectFact(.volumeSnapshots, { $0 == [expected] }, "there is no snapshot")
            }),
        DriverScenario(
            .deleteVolumeSnapshot, needsVolumes: true, isIdempotent: true, absence: .isNotFound,
            arrange: { stage in
                try await stage.buildWithVolume()
                try await stage.facet((any AssistedVolumeSnapshottingDriver).self, .deleteVolumeSnapshot)
                    .createVolumeSnapshot(try stage.volumeSnapshot())
            },
            act: { stage in
                try await stage.facet((any AssistedVolumeSnapshottingDriver).self, .deleteVolumeSnapshot)
                    .deleteVolumeSnapshot(try stage.volumeSnapshot())
            },
            shows: { try await $0.expectFact(.volumeSnapshots, { $0.isEmpty }, "the snapshot is still there") }),
        DriverScenario(
            .volumeUsage, needsVolumes: true, arrange: { try await $0.buildWithVolume() },
            act: { stage in
                let volume = try stage.theVolume()
                let usage = try await stage.facet((any VolumeUsageReportingDriver).self, .volumeUsage)
                    .volumeUsage(of: [GuestRequest(instance: stage.instance, blockDevices: [volume])])
                stage.expect(usage.count == 1, "there are \(usage.count) counters for one volume")
                stage.expect(usage.first?.volumeID == volume.volumeID, "the counters are another volume's")
                stage.expect(usage.first?.instance == stage.instance.id, "the counters are another guest's")
            }),
        DriverScenario(
            .mountShare, isIdempotent: true, arrange: { try await $0.build() },
            act: { stage in
                try await stage.facet((any ShareMountingDriver).self, .mountShare)
                    .mountShare(stage.share, for: stage.instance)
            },
            shows: { stage in
                try await stage.expectFact(.shares, { $0 == [stage.share.id] }, "the share is not there")
            },
            clear: { stage in
                try await stage.facet((any ShareMountingDriver).self, .mountShare)
                    .unmountShare(stage.share, for: stage.instance)
            }),
        DriverScenario(
            .unmountShare, isIdempotent: true,
            arrange: { stage in
                try await stage.build()
                try await stage.facet((any ShareMountingDriver).self, .unmountShare)
                    .mountShare(stage.share, for: stage.instance)
            },
            act: { stage in
                try await stage.facet((any ShareMountingDriver).self, .unmountShare)
                    .unmountShare(stage.share, for: stage.instance)
            },
            shows: { try await $0.expectFact(.shares, { $0.isEmpty }, "the share is still there") }),
    ]
}

extension Stage {
    fileprivate func expectVolumes(_ expected: [BlockDevice]) async throws {
        let words = expected.map { "\($0.volumeID)@\($0.deviceName)" }
        try await expectFact(.volumes, { $0 == words }, "the volumes should be \(words)")
    }

    fileprivate func volumeSnapshot() throws -> VolumeSnapshotRequest {
        VolumeSnapshotRequest(
            instance: instance, volumeID: try theVolume().volumeID, snapshotID: "snap", file: "snapshot-file")
    }

    fileprivate var share: FileShare { FileShare(id: "share", export: "127.0.0.1:/share", tag: "share") }
}
