// SPDX-License-Identifier: Apache-2.0

internal import ComputeDriver
internal import ComputeModel
internal import WorkerStore

/// Ends a volume's connection to this host, where its instance is not, or no more. Nova: `remove_volume_connection`.
///
/// Called by the source of a live migration that is rolled back. What is gone already is success, so that a restart
/// simply does it again; the volume stays the instance's.
enum RemoveVolumeConnection: InstanceOperation {
    struct Arguments: Sendable {
        let instance: Instance
        let volumeID: String
    }

    enum Step: String, CaseIterable, Codable, Sendable, Hashable {
        case disconnecting
    }

    static let name = OperationName(rawValue: "remove_volume_connection")
    static let summary = "ends a volume's connection to this host"
    static let needs: [DriverOperation] = [.volumeConnector, .detachVolume]
    static let events: [String] = []
    static let seesMovedAway = true

    static func instance(of arguments: Arguments) -> Instance { arguments.instance }
    static func acceptance(of arguments: Arguments) -> AcceptanceRule { .none }
    static func json(_ output: JSONValue) -> JSONValue { output }
    static func recovery(at step: Step) -> RecoveryRule { .goOn }

    static func perform(
        _ arguments: Arguments, from step: Step?, in run: OperationRun<RemoveVolumeConnection>
    ) async throws -> Finished<JSONValue> {
        let volume = arguments.volumeID
        let hasRow = run.row != nil
        if hasRow, step == nil { try await run.begin(arguments.instance, .disconnecting, accept: .none) { _ in } }
        try run.checkInterruption()
        let instance = run.row?.instance ?? arguments.instance
        if let device = run.row.flatMap({ BlockDevices($0)[volume]?.device }) {
            try await ignoringAbsence {
                try await run.driver.detachVolume(device, from: instance, interruptedBy: run.token)
            }
        }
        try await ignoringAbsence {
            let connector = try await run.driver.volumeConnector(for: instance)
            try await run.peers.volumes.terminateConnection(
                volume, of: instance.id, connector: connector, context: run.request.context.elevated())
        }
        guard hasRow else { return try await run.finishUntouched(.null) }
        return try await run.finish(.null) { change throws(ComputeFault) in
            change.amendBlockDevices { $0[volume] = nil }
        }
    }

    private static func ignoringAbsence(_ body: () async throws -> Void) async throws {
        do {
            try await body()
        } catch let fault as ComputeFault where fault.kind == .volumeNotFound || fault.kind == .instanceNotFound {
            // Gone is what it was to be.
        }
    }

    /// Nova leaves the task as it is.
    static func failed(_ fault: ComputeFault, _ change: inout InstanceChange) {}
}
