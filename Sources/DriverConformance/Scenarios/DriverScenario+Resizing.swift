// SPDX-License-Identifier: Apache-2.0

internal import ComputeDriver
internal import ComputeModel

extension DriverScenario {
    /// Moves of a guest that is off, to the neighbour or, where there is none, to the same host.
    static let resizing: [DriverScenario] = [
        DriverScenario(
            .migrateDiskAndPowerOff, absence: .isNotFound, arrange: { try await $0.build() },
            act: { try await $0.sendDisks() },
            shows: { stage in
                try await stage.expectPower(.shutdown)
                try await stage.expectFact(.kept, { !$0.isEmpty }, "the source has kept nothing")
            },
            clear: { try await $0.dropKept(.migrateDiskAndPowerOff) }),
        DriverScenario(
            .finishMigration, isIdempotent: true,
            arrange: { stage in
                try await stage.build()
                try await stage.sendDisks()
            },
            act: { try await $0.finishResize() },
            shows: { stage in
                try await stage.expectPower(.running, at: stage.destination)
                try await stage.expectSize(of: try stage.resized(), at: stage.destination)
                if stage.bench.neighbour != nil { try await stage.expectPower(.shutdown) }
            },
            clear: { try await $0.dropKept(.finishMigration) }),
        DriverScenario(
            .confirmMigration, isIdempotent: true,
            arrange: { stage in
                try await stage.build()
                try await stage.sendDisks()
                try await stage.finishResize()
            },
            act: { stage in
                try await stage.facet((any ResizingDriver).self, .confirmMigration)
                    .confirmMigration(try stage.migrationRequest())
            },
            shows: { stage in
                try await stage.expectPower(.running, at: stage.destination)
                try await stage.expectSize(of: try stage.resized(), at: stage.destination)
                if stage.bench.neighbour != nil { try await stage.expectPower(nil) }
                try await stage.expectFact(.kept, { $0.isEmpty }, "the source still keeps something")
            }),
        DriverScenario(
            .finishRevertMigration, isIdempotent: true,
            arrange: { stage in
                try await stage.build()
                try await stage.sendDisks()
                try await stage.finishResize()
                // As a revert begins: the destination's guest goes.
                try await stage.destination.destroy(stage.instance)
            },
            act: { stage in
                try await stage.facet((any ResizingDriver).self, .finishRevertMigration)
                    .finishRevertMigration(try stage.migrationRequest())
            },
            shows: { stage in
                try await stage.expectPower(.running)
                try await stage.expectSize(of: stage.instance, at: stage.driver)
                if let neighbour = stage.bench.neighbour { try await stage.expectPower(nil, at: neighbour) }
                try await stage.expectFact(.kept, { $0.isEmpty }, "the source still keeps something")
            }),
    ]
}

extension Stage {
    fileprivate func expectSize(of instance: Instance, at host: any ComputeDriver) async throws {
        let info = try await host.info(instance.id)
        expect(info.memory == .mib(instance.memoryMiB), "the guest has \(info.memory)")
        expect(info.vcpus == instance.vcpus, "the guest has \(info.vcpus) processors")
    }

    /// Takes back what the source keeps, whether or not a move has begun.
    fileprivate func dropKept(_ operation: DriverOperation) async throws {
        try await facet((any ResizingDriver).self, operation).confirmMigration(try migrationRequest())
    }
}
