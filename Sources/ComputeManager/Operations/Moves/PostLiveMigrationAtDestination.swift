// SPDX-License-Identifier: Apache-2.0

internal import ComputeDriver
internal import ComputeModel
internal import WorkerStore

/// Makes a guest that has come one of this host's. Nova: `post_live_migration_at_destination`.
enum PostLiveMigrationAtDestination: InstanceOperation {
    typealias Arguments = MovingInstance

    enum Step: String, CaseIterable, Codable, Sendable, Hashable {
        /// The guest is here; what belongs to it is being set right.
        case settling
    }

    static let name = OperationName(rawValue: "post_live_migration_at_destination")
    static let summary = "makes a guest that has come one of this host's"
    static let needs: [DriverOperation] = [.finishLiveMigrationAtDestination]
    static let events: [String] = []
    static let seesMovedAway = true

    static func instance(of arguments: MovingInstance) -> Instance { arguments.instance }
    static func acceptance(of arguments: MovingInstance) -> AcceptanceRule { .ifIdle(.migrating) }
    static func json(_ output: JSONValue) -> JSONValue { output }
    /// All of it may be done twice.
    static func recovery(at step: Step) -> RecoveryRule { .goOn }

    static func perform(
        _ arguments: MovingInstance, from step: Step?, in run: OperationRun<PostLiveMigrationAtDestination>
    ) async throws -> Finished<JSONValue> {
        let instance = arguments.instance
        if step == nil {
            // Told twice: by a call whose answer was lost, and by the cast that followed it.
            if let row = run.row, row.instance.host == run.host { return try await run.answer(.null) }
            if run.row?.liveSource == nil, try await run.patientDriver.info(instance.id) == nil {
                // Deleted here since it came.
                if run.services.deleted.moment(instance.id) != nil { return try await run.answer(.null) }
                throw ComputeFault.instanceNotFound(instance.id)
            }
            let known = run.row
            try await run.begin(
                instance, .settling, accept: acceptance(of: arguments), missing: known == nil ? .believe : .adopt
            ) { change throws(ComputeFault) in
                change.take(arguments, over: known)
                change.claim(.instance, ClaimAmounts(of: change.instance), limits: .none)
                change.register(["domain", "directory"])
            }
        }
        let row = try run.held()
        // The guest runs here, whoever can't be asked just now: nobody else's it is.
        var network: [JSONValue]?
        try await run.attempting("setup_networks_on_host") {
            network = try await run.setUpNetwork(on: run.host, of: row.instance)
        }
        try await run.patientDriver.finishLiveMigrationAtDestination(
            GuestRequest(
                instance: row.instance, networkInfo: network ?? row.networkInfo, blockDevices: row.guest.blockDevices))
        // Once more, as nova does: what the guest is told by DHCP is made with its interfaces there.
        try await run.attempting("setup_networks_on_host") {
            try await run.peers.network.setUpNetworks(
                of: row.instance, on: run.host, teardown: false, context: run.request.context)
        }
        let power = try await run.patientDriver.powerState(instance.id)
        return try await run.finish(.null) { change throws(ComputeFault) in
            let host = change.host
            change.amend {
                if let network { $0.networkInfo = network }
                $0.liveSource = nil
                $0.details[LiveMigration.migrateDataKey] = nil
            }
            try change.update(expecting: [.migrating]) {
                $0.host = host
                $0.powerState = power
                $0.vmState = .active
                $0.taskState = nil
            }
        }
    }

    /// The source hears of it, and knows what follows.
    static func failed(_ fault: ComputeFault, _ change: inout InstanceChange) {}
}
