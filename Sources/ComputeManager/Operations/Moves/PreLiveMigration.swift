// SPDX-License-Identifier: Apache-2.0

internal import ComputeDriver
internal import ComputeModel
internal import WorkerStore

/// Gets this host ready for a running guest that is to come. Nova: `pre_live_migration`.
///
/// The row says that the instance is still the other host's, until the guest has come or the move was rolled back.
enum PreLiveMigration: InstanceOperation {
    struct Arguments: Sendable {
        let moving: MovingInstance
        /// The source's local disks, where they come along.
        let disks: [GuestDisk]?
    }

    enum Step: String, CaseIterable, Codable, Sendable, Hashable {
        /// Volumes, network and the driver's part are being made ready.
        case preparing
    }

    static let name = OperationName(rawValue: "pre_live_migration")
    static let summary = "gets this host ready for a running guest"
    static let needs: [DriverOperation] = [.prepareLiveMigration, .rollBackLiveMigrationAtDestination]
    static let events: [String] = []
    static let seesMovedAway = true

    /// To refuse it: the fate of a build that goes back to the scheduler stands in the row.
    static let seesHandedBack = true

    static func instance(of arguments: Arguments) -> Instance { arguments.moving.instance }
    static func acceptance(of arguments: Arguments) -> AcceptanceRule { .none }
    static func json(_ output: JSONValue) -> JSONValue { output }
    /// Getting ready twice is getting ready once.
    static func recovery(at step: Step) -> RecoveryRule { .goOn }

    static func perform(
        _ arguments: Arguments, from step: Step?, in run: OperationRun<PreLiveMigration>
    ) async throws -> Finished<JSONValue> {
        let moving = arguments.moving
        if step == nil {
            guard let source = moving.instance.host, source != run.host,
                run.row == nil || run.row?.isElsewhere(than: run.host) == true
            else {
                throw ComputeFault.invalid(
                    "the instance is on this host already, or its build is on its way back to the scheduler",
                    instance: moving.instance.id)
            }
            try await run.begin(
                moving.instance, .preparing, accept: .none, missing: .renew
            ) { change throws(ComputeFault) in
                change.take(moving)
                change.amend {
                    $0.migration = nil
                    $0.liveSource = source
                }
                change.claim(
                    .instance, ClaimAmounts(of: change.instance), limits: run.services.capacity.limits(nil))
                change.register(["domain", "directory"])
            }
        }
        let devices: BlockDevices
        do {
            devices = try await prepare(arguments, run)
        } catch let fault as ComputeFault {
            try await run.attempting("rollback_live_migration_at_destination") {
                try await RollbackLiveMigrationAtDestination.giveUp(run)
            }
            throw fault
        }
        return try await run.finish(.null) { change throws(ComputeFault) in
            change.amend { devices.write(to: &$0) }
        }
    }

    private static func prepare(_ arguments: Arguments, _ run: OperationRun<PreLiveMigration>) async throws
        -> BlockDevices
    {
        let devices = try await run.connectVolumes()
        let row = try run.held()
        let network = try await run.currentNetwork(of: row.instance)
        if let network, InstancePayload.fixedIPs(network).array?.isEmpty != false {
            throw ComputeFault(
                .fixedIPNotFound, "Instance \(row.id) has no fixed ip.", instance: row.id,
                arguments: ["instance_uuid": .string(row.id.description)])
        }
        try run.checkInterruption()
        let request = GuestRequest(
            instance: row.instance, networkInfo: network ?? row.networkInfo, blockDevices: devices.devices)
        try await run.driver.prepareLiveMigration(
            PrepareLiveMigrationRequest(
                instance: row.instance, disks: arguments.disks,
                migrateData: row.details[LiveMigration.migrateDataKey]?.object ?? JSONObject(),
                networkInfo: request.networkInfo, blockDevices: devices.devices))
        try await run.peers.network.setUpNetworks(
            of: row.instance, on: run.host, teardown: false, context: run.request.context)
        try await run.driver.ensureFilters(request)
        try run.checkInterruption()
        return devices
    }

    /// What could not be taken down stays on the books, for a rollback or a delete.
    static func failed(_ fault: ComputeFault, _ change: inout InstanceChange) {
        let isOthers = change.instance.host.map { $0 != change.host } ?? false
        if isOthers, !change.row.isElsewhere(than: change.host) { change.remove() }
    }

    static func undo(_ arguments: Arguments, in run: OperationRun<PreLiveMigration>) async throws {
        try await RollbackLiveMigrationAtDestination.giveUp(run)
    }
}
