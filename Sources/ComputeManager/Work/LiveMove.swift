// SPDX-License-Identifier: Apache-2.0

internal import ComputeDriver
internal import ComputeModel
internal import Logging
internal import WorkerStore

/// The parts of a live migration that are no state changes: what both hosts get ready, the move, what follows it.
struct LiveMove: Sendable {
    let arguments: LiveMigration.Arguments
    let run: OperationRun<LiveMigration>

    private var destination: String { arguments.destination }

    /// What a move that a restart cut off ends with.
    var interrupted: ComputeFault {
        run.token.reason?.fault(run.entry.method, instance: arguments.instance.id)
            ?? ComputeFault(
                .migrationFailure, "Migration error: the move was cut off, and the guest stayed where it was",
                instance: arguments.instance.id, arguments: ["reason": "the move was cut off"], isRetriable: true)
    }

    /// Whether the destination takes back what it prepared also where no disks come along; a nova-compute would remove
    /// the instance's files on shared storage.
    private var isRolledBackThere: Bool {
        arguments.takesDisks || arguments.migrateData[CheckCanLiveMigrateDestination.rollsBackKey]?.bool == true
    }

    /// The instance as the destination gets it.
    private func moving() throws(ComputeFault) -> JSONValue {
        try MovingInstance.json(
            of: try run.held(), migration: nil, also: [LiveMigration.migrateDataKey: .object(arguments.migrateData)])
    }

    /// Has the destination get ready.
    func prepare() async throws {
        let instance = try run.held().instance
        try await awaitCasts(of: instance.id)
        var disks = JSONValue.null
        if arguments.takesDisks {
            let list = try await run.driver.disks(of: instance)
            disks = .string(JSONWriter.text(.array(list.map(\.json))))
        }
        _ = try await run.ask(
            destination, PreLiveMigration.name.rawValue,
            ["instance": try moving(), "block_migration": .bool(arguments.takesDisks), "disk": disks])
    }

    /// A cast of an attempt before, its rollback say, must not come behind the calls of this one: it would take away
    /// what the guest stands on.
    private func awaitCasts(of id: InstanceID) async throws {
        try await outlasting {
            try run.checkInterruption()
            guard try await run.services.read({ try $0.hasCast(of: id) }) else { return }
            throw ComputeFault(
                .unavailable, "An earlier message about the instance has not left this host yet.", instance: id)
        }
    }

    private func request() throws(ComputeFault) -> LiveMigrationRequest {
        let row = try run.held()
        return LiveMigrationRequest(
            instance: row.instance, destination: destination, takesDisks: arguments.takesDisks,
            migrateData: arguments.migrateData, networkInfo: row.networkInfo, blockDevices: row.guest.blockDevices,
            progress: run.progress)
    }

    /// Has the driver move the guest. What fails though the guest is gone has not failed: its answer was lost.
    func move() async throws {
        do {
            try await run.driver.liveMigrate(try request(), interruptedBy: run.token)
        } catch let fault as ComputeFault {
            if try await isStillHere() { throw fault }
        }
    }

    /// Where the guest is, after a move of which nobody knows how it ended: given up first, where it may go on. A guest
    /// that is off here is over there if that host has it; one that is on neither host has not moved.
    ///
    /// Nothing is concluded from a hypervisor that can't be asked, or that fails to answer: a delete and a cancel wait for
    /// it as well.
    func isStillHere() async throws -> Bool {
        let instance = try run.held().instance
        // Without the patience of a resumed request, which a cancel or a delete would end.
        let driver = run.services.driver.during(run.turn, outlastingOutagesUntil: nil)
        let guest = try await outlasting(isEnough: { _ in false }) {
            do {
                _ = try await driver.abortLiveMigration(of: instance)
            } catch let fault as ComputeFault where !fault.isOutage {
                // There is no move, or none that can be given up.
            }
            return try await driver.info(instance.id)
        }
        if let guest, guest.powerState != .shutdown { return true }
        do {
            try await outlasting(isEnough: { !$0.isOutage || run.token.isInterrupted }) { try await tell() }
            return false
        } catch let fault as ComputeFault where fault.kind == .instanceNotFound {
            if guest != nil { return true }
            throw fault
        } catch let fault as ComputeFault where guest == nil {
            run.logger.warning(
                "a guest has left, and the host that it moved to does not answer",
                metadata: [
                    LogKey.instance: .string(arguments.instance.id.description), LogKey.error: .string(fault.message),
                ])
            return false
        }
    }

    /// Does again what fails, for as long as it takes: what nobody answers, unless told otherwise.
    private func outlasting<Output>(
        isEnough: (ComputeFault) -> Bool = { !$0.isOutage }, _ body: () async throws -> Output
    ) async throws -> Output {
        var pause = Duration.seconds(1)
        while true {
            do {
                return try await body()
            } catch let fault as ComputeFault where !isEnough(fault) {
                run.turn.freeSlot()
                await run.turn.hindered(fault.message)
                try await run.services.clock.sleep(for: pause)
                pause = min(pause * 2, .seconds(30))
                guard await run.turn.takeSlot() else { throw CancellationError() }
            }
        }
    }

    /// Tells the destination that the guest is its own.
    private func tell() async throws {
        _ = try await run.ask(
            destination, PostLiveMigrationAtDestination.name.rawValue,
            ["instance": try moving(), "block_migration": .bool(arguments.takesDisks)])
    }

    /// Why the destination has not answered that the guest is its own; nil where it has. It is asked until it does, or
    /// has no such guest, or has refused as often as work is begun at all, or this is to end; then it is left to the
    /// cast.
    private func refusal() async throws -> ComputeFault? {
        var refusals = 0
        do {
            try await outlasting(
                isEnough: { fault in
                    if !fault.isOutage { refusals += 1 }
                    return fault.kind == .instanceNotFound || run.token.isInterrupted
                        || refusals >= run.services.configuration.maximumAttempts
                },
                { try await tell() })
            return nil
        } catch let fault as ComputeFault {
            run.logger.warning(
                "the host of a guest that moved has not taken it over; it is told by a cast",
                metadata: [
                    LogKey.instance: .string(arguments.instance.id.description), LogKey.error: .string(fault.message),
                ])
            return fault
        }
    }

    /// The guest has moved: the destination is told, by a cast where it has not taken the guest over, and what the
    /// guest leaves here goes once it has. What could not be removed stays on the books. A destination that has the
    /// guest and refuses to take it over is told of as a failure.
    func complete() async throws -> Finished<JSONValue> {
        try await run.attempting("volume connections") { try await run.disconnectVolumes() }
        let refusal = try await refusal()
        let failure = refusal.flatMap {
            $0.isOutage || $0.kind == .instanceNotFound || run.token.isInterrupted ? nil : $0
        }
        var isClean = false
        if refusal == nil {
            try await run.attempting("clean up after the move") {
                let driver = run.services.driver.during(run.turn, outlastingOutagesUntil: nil)
                try await outlasting { try await driver.cleanUpAfterLiveMigration(try request()) }
                isClean = true
            }
        }
        try await run.attempting("network teardown") {
            _ = try await run.peers.network.setUpNetworks(
                of: try run.held().instance, on: run.host, teardown: true, context: run.request.context)
        }
        return try await run.finish(
            .null, error: failure?.message, departure: isClean ? destination : nil
        ) { change throws(ComputeFault) in
            if isClean { change.clean() } else { change.releaseClaim(.instance) }
            if refusal != nil { change.cast(try word()) }
            if let failure {
                change.notifyFailure(LiveMigration.name.rawValue, failure, arguments: run.request.arguments)
            }
            // A delete that waits is to find out where the guest is.
            guard !isClean || run.token.reason == .superseded else { return change.remove() }
            change.amend {
                $0.instance.host = destination
                $0.instance.taskState = nil
                $0.isGone = true
            }
        }
    }

    /// Gives a guest that has gone to its host without waiting for an answer.
    func handOver(_ change: inout InstanceChange) throws(ComputeFault) {
        change.cast(try word())
        change.releaseClaim(.instance)
        change.amend {
            $0.instance.host = destination
            $0.instance.taskState = nil
            $0.isGone = true
        }
    }

    private func word() throws(ComputeFault) -> OutgoingCast {
        run.cast(
            PostLiveMigrationAtDestination.name.rawValue, to: destination,
            ["instance": try moving(), "block_migration": .bool(arguments.takesDisks)])
    }

    /// The guest stays: what was made ready over there goes.
    func rollBack() async throws {
        guard let row = run.row, row.instance.taskState == .migrating else { return }
        let runsHere: JSONObject = [MovingInstance.runsAtSourceKey: .bool(await isRunningHere(row.id))]
        try await run.commit(.rollingBack) { change throws(ComputeFault) in
            guard isRolledBackThere else { return }
            change.cast(
                run.cast(
                    RollbackLiveMigrationAtDestination.name.rawValue, to: destination,
                    ["instance": try MovingInstance.json(of: change.row, migration: nil, also: runsHere)]))
        }
        try await run.attempting("setup_networks_on_host") {
            _ = try await run.peers.network.setUpNetworks(
                of: row.instance, on: run.host, teardown: false, context: run.request.context)
        }
        for volumeID in BlockDevices(row).elements.compactMap(\.volumeID) {
            try await run.attempting("remove_volume_connection") {
                _ = try await run.ask(
                    destination, "remove_volume_connection",
                    ["instance": row.instance.json, "volume_id": .string(volumeID)])
            }
        }
    }

    /// Whether the hypervisor says so at once; what it does not say is not claimed.
    private func isRunningHere(_ id: InstanceID) async -> Bool {
        let driver = run.services.driver.during(run.turn, outlastingOutagesUntil: nil)
        return (try? await driver.powerState(id)) == .running
    }
}

extension ComputeFault {
    /// Whether it says nothing of what was asked: nobody answered.
    var isOutage: Bool { kind == .unavailable || kind == .timeout }
}
