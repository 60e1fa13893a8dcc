// SPDX-License-Identifier: Apache-2.0

internal import ComputeDriver
internal import ComputeModel
internal import WorkerStore

/// Unplugs a volume from an instance. Nova: `detach_volume`.
///
/// A guest that does not let go keeps the volume, as nova's `roll_detaching` has it.
enum DetachVolume: InstanceOperation {
    struct Arguments: Sendable {
        let instance: Instance
        let volumeID: String
    }

    enum Step: String, CaseIterable, Codable, Sendable, Hashable {
        /// The driver unplugs it.
        case unplugging
        /// The volume's service is told that nobody has it.
        case disconnecting
    }

    static let name = OperationName(rawValue: "detach_volume")
    static let summary = "unplugs a volume from an instance"
    static let needs: [DriverOperation] = [.volumeConnector, .detachVolume]
    static let events: [String] = []

    static func instance(of arguments: Arguments) -> Instance { arguments.instance }
    static func acceptance(of arguments: Arguments) -> AcceptanceRule { .none }
    static func json(_ output: JSONValue) -> JSONValue { output }
    /// Each of the calls may be made again: a volume that is gone is success for all of them.
    static func recovery(at step: Step) -> RecoveryRule { .goOn }

    static func perform(
        _ arguments: Arguments, from step: Step?, in run: OperationRun<DetachVolume>
    ) async throws -> Finished<JSONValue> {
        let id = arguments.instance.id
        if step == nil {
            guard let known = run.row.flatMap({ BlockDevices($0)[arguments.volumeID] }) else {
                throw ComputeFault(
                    .volumeNotFound, "Volume \(arguments.volumeID) could not be found at instance \(id).", instance: id,
                    arguments: ["volume_id": .string(arguments.volumeID)])
            }
            try await run.begin(
                arguments.instance, known.device == nil ? .disconnecting : .unplugging,
                accept: acceptance(of: arguments)
            ) { change throws(ComputeFault) in
                change.amendBlockDevices { $0[arguments.volumeID]?.state = .detaching }
            }
        }
        let instance = run.row?.instance ?? arguments.instance
        let device = run.row.flatMap { BlockDevices($0)[arguments.volumeID]?.device }
        if step != .disconnecting, let device {
            do {
                try run.checkInterruption()
                try await run.driver.detachVolume(device, from: instance, interruptedBy: run.token)
            } catch let fault as ComputeFault {
                try await run.commit(.unplugging) { change throws(ComputeFault) in
                    change.amendBlockDevices { $0[arguments.volumeID]?.state = .attached }
                }
                throw fault
            }
            try await run.commit(.disconnecting) { _ in }
        }
        do {
            let connector = try await run.driver.volumeConnector(for: instance)
            try await run.peers.volumes.terminateConnection(
                arguments.volumeID, of: instance.id, connector: connector, context: run.request.context)
            try await run.peers.volumes.detach(arguments.volumeID, from: instance.id, context: run.request.context)
        } catch let fault as ComputeFault where fault.kind == .volumeNotFound {
            // A volume that is gone is nobody's.
        }
        return try await run.finish(.null) { change throws(ComputeFault) in
            change.amendBlockDevices { $0[arguments.volumeID] = nil }
        }
    }
}
