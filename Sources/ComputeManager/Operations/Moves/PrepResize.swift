// SPDX-License-Identifier: Apache-2.0

internal import ComputeDriver
internal import ComputeModel
internal import WorkerStore

/// Takes an instance in that is to be resized, or moved, to this host, and asks the host where it is for its disks.
/// Nova: `prep_resize`.
///
/// Without a database that all share, the number of the migration is 31 random bits, and what nova reads by it goes
/// along with the instance. Here nothing is made yet: the row is only a note until the other host has the cast.
enum PrepResize: InstanceOperation {
    struct Arguments: Sendable {
        let instance: Instance
        /// The flavor that the instance is to have.
        let flavor: JSONObject
        /// The image as the scheduler tells of it; handed on.
        let image: JSONValue
        let reservations: JSONValue
    }

    enum Step: String, CaseIterable, Codable, Sendable, Hashable {
        /// The beginning was told; nothing is asked of anybody yet.
        case preparing
    }

    static let name = OperationName(rawValue: "prep_resize")
    static let summary = "begins to resize an instance, or to move it to this host"
    static let needs: [DriverOperation] = [.finishMigration]
    static let events = ["exists", "resize.prep.start", "resize.prep.end"]
    /// What it begins ends in disks here.
    static let needsRoom = true
    static let seesMovedAway = true
    /// To refuse it: the fate of a build that goes back to the scheduler stands in the row.
    static let seesHandedBack = true

    static func instance(of arguments: Arguments) -> Instance { arguments.instance }
    static func acceptance(of arguments: Arguments) -> AcceptanceRule { .ifIdle(.resizePrep) }
    static func json(_ output: JSONValue) -> JSONValue { output }
    static func recovery(at step: Step) -> RecoveryRule { .goOn }

    static func perform(
        _ arguments: Arguments, from step: Step?, in run: OperationRun<PrepResize>
    ) async throws -> Finished<JSONValue> {
        let owner = run.row.flatMap { $0.isElsewhere(than: run.host) ? nil : $0.instance.host }
        guard let source = owner ?? arguments.instance.host else {
            throw ComputeFault.invalid(
                "the instance has no host that it could be moved from", instance: arguments.instance.id)
        }
        if run.row?.liveSource != nil {
            throw ComputeFault.invalid("the instance is on its way to this host", instance: arguments.instance.id)
        }
        if run.row?.isHandedBack == true {
            throw ComputeFault.invalid(
                "the instance's build is on its way back to the scheduler", instance: arguments.instance.id)
        }
        if run.row?.isGone == true {
            // The note of a move would take the place of the books, and with it what still is to be taken away.
            throw ComputeFault.invalid(
                "what is left on this host of the instance, which moved away, could not be removed yet",
                instance: arguments.instance.id)
        }
        if step == nil {
            // What is kept to go back to would be forgotten.
            if owner != nil, run.row?.instance.vmState == .resized {
                throw ComputeFault(
                    .instanceInvalidState, "The instance's last resize waits to be confirmed or reverted.",
                    instance: arguments.instance.id)
            }
            try await run.begin(
                arguments.instance, .preparing, accept: acceptance(of: arguments),
                missing: source == run.host ? .adopt : .renew
            ) { change throws(ComputeFault) in
                change.amend { $0.pendingCast = nil }
                change.notifyExists(elevated: true)
                change.notify("resize.prep.start", elevated: true)
            }
        }
        try run.checkInterruption()
        if source == run.host, !run.services.configuration.allowsResizeToSameHost {
            throw ComputeFault(
                .migrationFailure, "Migration error: destination same as source!", instance: arguments.instance.id,
                arguments: ["reason": "destination same as source!"])
        }
        return try await handOver(arguments, from: source, run)
    }

    private static func handOver(
        _ arguments: Arguments, from source: String, _ run: OperationRun<PrepResize>
    ) async throws -> Finished<JSONValue> {
        let instance = run.row?.instance ?? arguments.instance
        let migration = Migration(
            id: number(run.services.identifiers.next()), sourceHost: source, destinationHost: run.host,
            destinationAddress: run.services.configuration.address, oldFlavor: instance.flavorInUse,
            newFlavor: arguments.flavor, status: .preMigrating)
        let size = ClaimAmounts(of: try instance.resized(to: arguments.flavor))
        return try await run.finish(.null) { change throws(ComputeFault) in
            change.claim(.resize, size, limits: run.services.capacity.limits(nil))
            change.amend {
                $0.migration = migration
                $0.pendingCast = ResizeInstance.name.rawValue
            }
            change.notify(
                "resize.prep.end", elevated: true,
                extra: [
                    "new_instance_type": arguments.flavor["name"] ?? .null,
                    "new_instance_type_id": arguments.flavor["id"] ?? .null,
                ])
            change.cast(
                run.cast(
                    ResizeInstance.name.rawValue, to: source,
                    [
                        "instance": try MovingInstance.json(of: change.row, migration: migration),
                        "migration_id": JSONValue(migration.id), "image": arguments.image,
                        "reservations": arguments.reservations,
                    ], elevated: true))
        }
    }

    /// A number as a database would give it: positive, of 31 bits.
    private static func number(_ bits: UniqueBits) -> Int { max(1, Int(bits.low & 0x7FFF_FFFF)) }

    static func failed(_ fault: ComputeFault, _ change: inout InstanceChange) {
        // The note of another move, what that has left, and a build's fate are not this request's.
        if change.row.liveSource != nil || change.row.isGone || change.row.isHandedBack { return }
        if change.instance.vmState == .resized, fault.refusesMove { return }
        // Its own claim is made in its last commit; what is claimed by now is another request's.
        if change.row.migration == nil { change.releaseClaim(.resize) }
        if let host = change.instance.host, host != change.host {
            // Only a note of what does not come: the instance is on its host as it was.
            change.update(elevated: true) { $0.taskState = nil }
            change.remove()
        } else {
            change.moveFailed(fault, elevated: true)
            change.amend { $0.pendingCast = nil }
        }
    }
}
