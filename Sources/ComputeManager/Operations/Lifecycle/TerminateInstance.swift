// SPDX-License-Identifier: Apache-2.0

internal import ComputeDriver
internal import ComputeModel
internal import Logging
internal import WorkerStore

/// Removes an instance with all that was made for it. Nova: `terminate_instance`.
///
/// Takes the place of what runs and waits before it. An instance that nobody knows is removed with success: what was
/// asked for is so.
enum TerminateInstance: InstanceOperation {
    typealias Arguments = InstanceArguments
    typealias Output = JSONValue

    enum Step: String, CaseIterable, Codable, Sendable, Hashable {
        /// The guest is being removed, and what others gave for it is given back.
        case destroying
        /// All of it is gone; the volumes that go with the instance are being deleted.
        case deletingVolumes
        /// The instance is deleted; its console tokens are not yet known to be.
        case forgettingTokens
    }

    static let name = OperationName(rawValue: "terminate_instance")
    static let summary = "removes an instance with all that was made for it"
    static let needs: [DriverOperation] = [.destroy]
    static let events = ["delete.start", "shutdown.start", "shutdown.end", "delete.end"]
    static let supersedesEarlier = true
    static let seesHandedBack = true
    static let seesMovedAway = true

    static func instance(of arguments: InstanceArguments) -> Instance { arguments.instance }
    static func acceptance(of arguments: InstanceArguments) -> AcceptanceRule { .always(.deleting) }
    static func json(_ output: JSONValue) -> JSONValue { output }
    /// Removing what is gone is success, so it is simply done again.
    static func recovery(at step: Step) -> RecoveryRule { .goOn }

    static func perform(
        _ arguments: InstanceArguments, from step: Step?, in run: OperationRun<TerminateInstance>
    ) async throws -> Finished<JSONValue> {
        let instance = try MovingInstance(arguments.instance).instance
        let move = MoveEnd(run: run, asked: arguments.instance)
        if let owner = try await move.owner() { return try await move.passOn(to: owner) }
        if step == nil {
            if let host = try await move.newHost() { return try await move.forward(to: host) }
            try await run.begin(
                instance, .destroying, accept: acceptance(of: arguments), missing: .believe
            ) { change throws(ComputeFault) in
                let host = change.host
                change.amend { if $0.liveSource != nil { $0.instance.host = host } }
                change.notify("delete.start")
                change.notify("shutdown.start", elevated: true)
            }
        }
        if step == nil || step == .destroying { try await run.persisting { try await remove(instance, run) } }
        let doomed = (run.row.map { BlockDevices($0).elements } ?? []).filter(\.isDeletedOnTermination)
        if step != .forgettingTokens, !doomed.isEmpty {
            if step != .deletingVolumes {
                try await run.commit(.deletingVolumes) { change throws(ComputeFault) in
                    change.notify("shutdown.end", elevated: true)
                }
            }
            try await delete(doomed, run)
        }
        // By the asker's clock where it is told: the build that came before was asked for by the same.
        let asked = run.request.context.timestamp ?? run.entry.receivedAt
        run.services.noteDeleted(instance.id, askedFor: asked)
        guard run.services.peers.asked.contains(.consoleTokens) else {
            return try await run.finish(.null) { change throws(ComputeFault) in
                try move.tellOther(&change)
                end(&change, tellsShutdown: doomed.isEmpty)
                change.remove()
            }
        }
        if step != .forgettingTokens {
            // The row stays until the tokens are gone: without it nobody would know after a crash that they are not.
            try await run.commit(.forgettingTokens) { change throws(ComputeFault) in
                try move.tellOther(&change)
                end(&change, tellsShutdown: doomed.isEmpty)
            }
        }
        try await run.peers.consoleTokens.deleteTokens(of: instance.id, context: run.request.context)
        return try await run.finish(.null) { change throws(ComputeFault) in change.remove() }
    }

    /// The guest, its addresses and its volumes' connections, in nova's order.
    private static func remove(_ instance: Instance, _ run: OperationRun<TerminateInstance>) async throws {
        try await MoveEnd(run: run, asked: instance).takeOver()
        let known = run.row?.instance ?? instance
        if run.asksNetwork {
            do {
                _ = try await run.peers.network.networkInfo(of: known, context: run.request.context.elevated())
            } catch let fault as ComputeFault where fault.kind == .networkNotFound || fault.kind == .fixedIPNotFound {
                // An instance without a network is removed like any other.
            }
            try await run.deallocateNetwork()
        }
        do {
            try await run.driver.destroy(known)
        } catch let fault as ComputeFault where fault.kind == .instanceNotFound {
            // Gone is what it was to be.
        }
        // Behind the guest, which a move that failed has left running here.
        try await MoveEnd(run: run, asked: instance).dropRest()
        try await run.releaseVolumes(at: .destroying)
    }

    /// Nova leaves a volume that can't be deleted to whoever looks after volumes.
    private static func delete(
        _ volumes: [BlockDevices.Element], _ run: OperationRun<TerminateInstance>
    ) async throws {
        for volume in volumes.compactMap(\.volumeID) {
            do {
                try await run.peers.volumes.delete(volume, context: run.request.context)
            } catch let fault as ComputeFault {
                run.logger.warning(
                    "a volume that goes with its instance was not deleted",
                    metadata: [
                        LogKey.instance: .string(run.entry.instance?.description ?? "-"),
                        LogKey.error: .string(fault.message),
                    ])
            }
        }
    }

    private static func end(_ change: inout InstanceChange, tellsShutdown: Bool) {
        if tellsShutdown { change.notify("shutdown.end", elevated: true) }
        let now = change.now
        change.update {
            $0.vmState = .deleted
            $0.taskState = nil
            $0.terminatedAt = now
        }
        change.clean()
        // What is deleted is not to be built elsewhere.
        change.takeBackCasts(of: change.row)
        change.notify("delete.end")
    }

    /// The task stays `deleting`: nova reverts none here, and a second terminate is what helps. What was tried again in
    /// vain is in ERROR besides, for somebody to look at. What failed after the end of a delete takes nothing of that
    /// back.
    static func failed(_ fault: ComputeFault, _ change: inout InstanceChange) {
        if change.instance.vmState == .deleted { return change.remove() }
        if fault.mayPass, !change.row.isElsewhere(than: change.host) { change.update { $0.vmState = .error } }
    }
}
