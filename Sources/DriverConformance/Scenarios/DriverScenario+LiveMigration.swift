// SPDX-License-Identifier: Apache-2.0

internal import ComputeDriver
internal import ComputeModel

extension DriverScenario {
    /// Moves of a running guest, and what they rest on.
    static let liveMigration: [DriverScenario] = [
        DriverScenario(
            .checkLiveMigrationDestination, needsNeighbour: true, leavesTraces: true, arrange: { try await $0.build() },
            act: { stage in
                let check = try await stage.destination(
                    (any LiveMigrationTargetDriver).self, .checkLiveMigrationDestination
                ).checkLiveMigrationDestination(
                    LiveMigrationCheck(instance: stage.instance, takesDisks: true, mayOvercommitDisk: false))
                stage.document = check
            },
            clear: { try await $0.cleanUpCheck() }),
        DriverScenario(
            .cleanUpLiveMigrationCheck, needsNeighbour: true, isIdempotent: true,
            arrange: { stage in
                try await stage.build()
                let check = try await stage.destination(
                    (any LiveMigrationTargetDriver).self, .cleanUpLiveMigrationCheck
                ).checkLiveMigrationDestination(
                    LiveMigrationCheck(instance: stage.instance, takesDisks: true, mayOvercommitDisk: false))
                stage.document = check
            },
            act: { try await $0.cleanUpCheck() },
            shows: { try await $0.expectFact(.marks, atNeighbour: true, { $0.isEmpty }, "a mark is left") }),
        DriverScenario(
            .checkLiveMigrationSource, needsNeighbour: true,
            arrange: { stage in
                try await stage.build()
                let check = try await stage.destination(
                    (any LiveMigrationTargetDriver).self, .checkLiveMigrationSource
                ).checkLiveMigrationDestination(
                    LiveMigrationCheck(instance: stage.instance, takesDisks: true, mayOvercommitDisk: false))
                stage.document = check
            },
            act: { stage in
                let check = stage.document
                let data = try await stage.facet((any LiveMigrationSourceDriver).self, .checkLiveMigrationSource)
                    .checkLiveMigrationSource(stage.instance, destination: check)
                stage.expect(!data.isEmpty, "the check says nothing for the move")
            },
            clear: { try await $0.cleanUpCheck() }),
        DriverScenario(
            .disksOfInstance, absence: .isNotFound, arrange: { try await $0.build() },
            act: { stage in
                let disks = try await stage.facet((any LiveMigrationSourceDriver).self, .disksOfInstance)
                    .disks(of: stage.instance)
                stage.expect(disks.count == 1, "the guest has \(disks.count) local disks")
                stage.expect(disks.allSatisfy { ["qcow2", "raw"].contains($0.format) }, "the format is unknown")
                stage.expect(disks.allSatisfy { !$0.path.isEmpty }, "a disk has no path")
            }),
        DriverScenario(
            .prepareLiveMigration, needsNeighbour: true, isIdempotent: true,
            arrange: { stage in
                try await stage.build()
                try await stage.checkMove()
            },
            act: { try await $0.prepareMove() },
            shows: { stage in
                try await stage.expectPower(.running)
                try await stage.expectFact(.expected, atNeighbour: true, { !$0.isEmpty }, "the guest is not expected")
            },
            clear: { try await $0.forgetMove() }),
        DriverScenario(
            .liveMigrate, needsNeighbour: true, arrange: { try await $0.buildForMove() },
            act: { try await $0.move() },
            shows: { stage in
                try await stage.expectPower(.running, at: stage.destination)
                try await stage.expectPower(nil)
            },
            clear: { stage in
                try await stage.forgetMove()
                try await stage.facet((any LiveMigrationSourceDriver).self, .liveMigrate)
                    .cleanUpAfterLiveMigration(stage.moveRequest())
            }),
        DriverScenario(
            .cleanUpAfterLiveMigration, needsNeighbour: true, isIdempotent: true,
            arrange: { stage in
                try await stage.buildForMove()
                try await stage.move()
            },
            act: { stage in
                try await stage.facet((any LiveMigrationSourceDriver).self, .cleanUpAfterLiveMigration)
                    .cleanUpAfterLiveMigration(stage.moveRequest())
            },
            shows: { stage in
                try await stage.expectPower(.running, at: stage.destination)
                try await stage.expectPower(nil)
                for fact in [HostFact.leftBehind, .filters, .pluggedInterfaces] {
                    try await stage.expectFact(fact, { $0.isEmpty }, "something is left")
                }
            },
            clear: { try await $0.forgetMove() }),
        DriverScenario(
            .finishLiveMigrationAtDestination, needsNeighbour: true, isIdempotent: true,
            arrange: { stage in
                try await stage.buildForMove()
                try await stage.move()
            },
            act: { stage in
                try await stage.destination((any LiveMigrationTargetDriver).self, .finishLiveMigrationAtDestination)
                    .finishLiveMigrationAtDestination(stage.guest)
            },
            shows: { stage in
                try await stage.expectPower(.running, at: stage.destination)
                try await stage.expectFact(.passing, atNeighbour: true, { $0 == ["false"] }, "the guest is not kept")
                try await stage.expectFact(.expected, atNeighbour: true, { $0.isEmpty }, "it is still expected")
            },
            clear: { stage in
                try await stage.forgetMove()
                try await stage.facet((any LiveMigrationSourceDriver).self, .finishLiveMigrationAtDestination)
                    .cleanUpAfterLiveMigration(stage.moveRequest())
            }),
        DriverScenario(
            .rollBackLiveMigrationAtDestination, needsNeighbour: true, isIdempotent: true,
            arrange: { try await $0.buildForMove() },
            act: { stage in
                try await stage.destination((any LiveMigrationTargetDriver).self, .rollBackLiveMigrationAtDestination)
                    .rollBackLiveMigrationAtDestination(stage.guest)
            },
            shows: { stage in
                try await stage.expectPower(.running)
                try await stage.expectPower(nil, at: stage.destination)
                for fact in [HostFact.expected, .filters, .pluggedInterfaces] {
                    try await stage.expectFact(fact, atNeighbour: true, { $0.isEmpty }, "something is left")
                }
            },
            clear: { try await $0.forgetMove() }),
        DriverScenario(
            .forceLiveMigration, needsNeighbour: true, absence: .isNotFound, arrange: { try await $0.build() },
            act: { stage in
                let driver = try stage.facet((any LiveMigrationControllingDriver).self, .forceLiveMigration)
                do {
                    try await driver.forceLiveMigration(of: stage.instance)
                    stage.complain("a guest that does not move was hurried")
                } catch let fault as ComputeFault where fault.kind == .invalid {}
            },
            shows: { try await $0.expectForce() },
            clear: { stage in
                try await stage.forgetMove()
                try await stage.facet((any LiveMigrationSourceDriver).self, .forceLiveMigration)
                    .cleanUpAfterLiveMigration(stage.moveRequest())
            }),
        DriverScenario(
            .abortLiveMigration, needsNeighbour: true, isIdempotent: true, absence: .isSuccess,
            arrange: { try await $0.build() },
            act: { stage in
                try await stage.facet((any LiveMigrationControllingDriver).self, .abortLiveMigration)
                    .abortLiveMigration(of: stage.instance)
            },
            shows: { try await $0.expectAbort() },
            clear: { try await $0.forgetMove() }),
        DriverScenario(
            .leaveStorageMark,
            act: { stage in
                let facet = try stage.facet((any SharedStorageProbingDriver).self, .leaveStorageMark)
                let mark = try await facet.leaveStorageMark(for: stage.instance)
                stage.document = mark ?? JSONObject()
                if let mark { stage.expect(try await facet.seesStorageMark(mark), "the own mark is not seen") }
            },
            shows: { stage in
                guard !stage.document.isEmpty else { return }
                try await stage.expectFact(.marks, { !$0.isEmpty }, "there is no mark")
            },
            clear: { try await $0.removeMark(.leaveStorageMark) }),
        DriverScenario(
            .seesStorageMark, arrange: { try await $0.leaveMark(.seesStorageMark) },
            act: { stage in
                let facet = try stage.facet((any SharedStorageProbingDriver).self, .seesStorageMark)
                let mark = stage.document
                stage.expect(try await facet.seesStorageMark(mark), "the mark is not seen")
                stage.expect(
                    !(try await facet.seesStorageMark(["filename": "no-such-mark"])), "a mark is seen that is none")
            },
            clear: { try await $0.removeMark(.seesStorageMark) }),
        DriverScenario(
            .removeStorageMark, isIdempotent: true, arrange: { try await $0.leaveMark(.removeStorageMark) },
            act: { try await $0.removeMark(.removeStorageMark) },
            shows: { try await $0.expectFact(.marks, { $0.isEmpty }, "the mark is still there") }),
    ]
}

extension Stage {
    /// One that moves is paused until it has moved.
    fileprivate func expectForce() async throws {
        try await expectPower(.running)
        let driver = try facet((any LiveMigrationControllingDriver).self, .forceLiveMigration)
        let failure = try await whileMoving { stage in
            try await driver.forceLiveMigration(of: stage.instance)
            stage.expect(try await stage.power() != .running, "a guest whose move was forced goes on as before")
        }
        if let failure { complain("a move that was forced failed: \(failure)") }
        try await expectPower(.running, at: destination)
        try await expectPower(nil)
    }

    /// One that moves fails to, and goes on here.
    fileprivate func expectAbort() async throws {
        try await expectPower(.running)
        guard isFirst("move") else { return }
        let driver = try facet((any LiveMigrationControllingDriver).self, .abortLiveMigration)
        let failure = try await whileMoving { try await driver.abortLiveMigration(of: $0.instance) }
        expect(failure is ComputeFault, failure.map { "it ended the move by \($0)" } ?? "the move went on")
        try await forgetMove()
        try await expectPower(.running)
        try await expectBoot(false)
        try await expectPower(nil, at: destination)
    }

    /// Moves the guest and does something meanwhile; why the move failed, if it did.
    private func whileMoving(_ body: @Sendable (Stage) async throws -> Void) async throws -> (any Error)? {
        try await checkMove()
        try await prepareMove()
        let source = try facet((any LiveMigrationSourceDriver).self, .liveMigrate)
        let letGo = try await bench.slowMove(of: instance)
        let (steps, mover) = AsyncStream<Void>.makeStream(bufferingPolicy: .bufferingNewest(1))
        let request = moveRequest(progress: ProgressReporter { if $0.done > .zero { mover.yield() } })
        return try await withThrowingTaskGroup(of: (any Error)?.self) { group in
            group.addTask {
                defer { mover.finish() }
                do { try await source.liveMigrate(request) } catch { return error }
                return nil
            }
            for await _ in steps { break }
            do { try await body(self) } catch {
                await letGo()
                throw error
            }
            await letGo()
            return try await group.next() ?? nil
        }
    }

    fileprivate func cleanUpCheck() async throws {
        try await destination((any LiveMigrationTargetDriver).self, .cleanUpLiveMigrationCheck)
            .cleanUpLiveMigrationCheck(document)
    }

    fileprivate func leaveMark(_ operation: DriverOperation) async throws {
        let mark = try await facet((any SharedStorageProbingDriver).self, operation).leaveStorageMark(for: instance)
        document = mark ?? JSONObject()
    }

    fileprivate func removeMark(_ operation: DriverOperation) async throws {
        try await facet((any SharedStorageProbingDriver).self, operation)
            .removeStorageMark(document)
    }
}
