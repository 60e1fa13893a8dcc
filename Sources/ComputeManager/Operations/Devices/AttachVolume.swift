// SPDX-License-Identifier: Apache-2.0

internal import ComputeDriver
internal import ComputeModel
internal import Logging
internal import WorkerStore

/// Plugs a volume into an instance. Nova: `attach_volume`.
///
/// A failure takes back what was done, in reverse, and gives the device's name back.
enum AttachVolume: InstanceOperation {
    struct Arguments: Sendable {
        let instance: Instance
        let volumeID: String
        /// `/dev/vdb`.
        let mountpoint: String
    }

    enum Step: String, CaseIterable, Codable, Sendable, Hashable {
        /// The volume's service is asked how this host reaches the volume.
        case connecting
        /// The driver plugs it in.
        case plugging
        /// The volume's service is told who has it.
        case telling
        /// It failed, and what was done is taken back.
        case undoing
    }

    static let name = OperationName(rawValue: "attach_volume")
    static let summary = "plugs a volume into an instance"
    static let needs: [DriverOperation] = [.volumeConnector, .attachVolume, .detachVolume]
    static let events: [String] = []

    static func instance(of arguments: Arguments) -> Instance { arguments.instance }
    static func acceptance(of arguments: Arguments) -> AcceptanceRule { .none }
    static func json(_ output: JSONValue) -> JSONValue { output }
    /// Each of the calls may be made again: a volume that is there already is success for all of them.
    static func recovery(at step: Step) -> RecoveryRule { .goOn }

    static func perform(
        _ arguments: Arguments, from step: Step?, in run: OperationRun<AttachVolume>
    ) async throws -> Finished<JSONValue> {
        if step == nil {
            if let known = run.row.flatMap({ BlockDevices($0)[arguments.volumeID] }), known.state == .attached {
                throw ComputeFault.invalid(
                    "Volume \(arguments.volumeID) is attached to the instance already, as \(known.deviceName).",
                    instance: arguments.instance.id)
            }
            try await run.begin(
                arguments.instance, .connecting, accept: acceptance(of: arguments)
            ) { change throws(ComputeFault) in
                try reserve(arguments, &change)
            }
        }
        do {
            // What an earlier attempt came to fail with is told by its own error event no more: this one tells it.
            if step == .undoing { throw interrupted(arguments) }
            try await attach(arguments, from: step ?? .connecting, run)
        } catch let fault as ComputeFault {
            try await undo(arguments, in: run)
            throw fault
        }
        return try await run.finish(.null) { change throws(ComputeFault) in
            change.amendBlockDevices { $0[arguments.volumeID]?.state = .attached }
        }
    }

    private static func interrupted(_ arguments: Arguments) -> ComputeFault {
        ComputeFault(
            .hypervisorFailure,
            "Volume \(arguments.volumeID) could not be attached; the worker was restarted meanwhile.",
            instance: arguments.instance.id)
    }

    /// The name becomes the volume's; one that is another's is refused before anybody is asked.
    private static func reserve(_ arguments: Arguments, _ change: inout InstanceChange) throws(ComputeFault) {
        let name = try DeviceName(arguments.mountpoint, instance: change.instance.id)
        let path = name.prefix + name.letters
        let holder = BlockDevices(change.row).elements.first { $0.deviceName == path }
        if let volume = holder?.volumeID, volume != arguments.volumeID {
            throw DeviceName.isInUse(path, instance: change.instance.id)
        }
        change.amendBlockDevices { devices in
            devices.elements.removeAll { $0.deviceName == path && $0.volumeID == nil }
            devices[arguments.volumeID] = BlockDevices.Element(
                volumeID: arguments.volumeID, deviceName: path, state: .attaching)
        }
    }

    private static func attach(
        _ arguments: Arguments, from step: Step, _ run: OperationRun<AttachVolume>
    ) async throws {
        let context = run.request.context
        let instance = run.row?.instance ?? arguments.instance
        if step == .connecting {
            try run.checkInterruption()
            let connector = try await run.driver.volumeConnector(for: instance)
            let connection = try await run.peers.volumes.initializeConnection(
                arguments.volumeID, for: instance.id, connector: connector, context: context)
            let named = connection.map { fields in
                var fields = fields
                fields["serial"] = .string(arguments.volumeID)
                return fields
            }
            try await run.commit(.plugging) { change throws(ComputeFault) in
                change.amendBlockDevices { $0[arguments.volumeID]?.connection = named }
            }
        }
        guard let element = run.row.flatMap({ BlockDevices($0)[arguments.volumeID] }), let device = element.device
        else {
            throw interrupted(arguments)
        }
        if step != .telling {
            try run.checkInterruption()
            try await run.driver.attachVolume(device, to: instance, interruptedBy: run.token)
            // From here on its service may have it as the instance's.
            try await note(.attached, of: arguments, run)
        }
        try run.checkInterruption()
        do {
            try await run.peers.volumes.attach(
                arguments.volumeID, to: instance, deviceName: element.deviceName, context: context)
        } catch let fault as ComputeFault where fault.kind != .timeout && fault.kind != .unavailable {
            // Refused: it may be another's, from whom a detach would take it; after a restart it may as well be refused
            // because an attempt of before was heard.
            if step != .telling { try await note(.attaching, of: arguments, run) }
            throw fault
        }
    }

    private static func note(
        _ state: BlockDevices.State, of arguments: Arguments, _ run: OperationRun<AttachVolume>
    ) async throws {
        try await run.commit(.telling) { change throws(ComputeFault) in
            change.amendBlockDevices { $0[arguments.volumeID]?.state = state }
        }
    }

    /// What can't be let go of stays in the row, so that a delete, or a second attempt, finds it.
    static func undo(_ arguments: Arguments, in run: OperationRun<AttachVolume>) async throws {
        guard let row = run.row, let element = BlockDevices(row)[arguments.volumeID] else { return }
        try await run.commit(.undoing) { _ in }
        var isFree = true
        if let device = element.device {
            isFree = try await trying(run) {
                try await run.driver.detachVolume(device, from: row.instance, interruptedBy: run.token)
            }
        }
        // Also where no answer came: the connection may have been made.
        if isFree {
            isFree = try await trying(run) {
                let connector = try await run.driver.volumeConnector(for: row.instance)
                try await run.peers.volumes.terminateConnection(
                    arguments.volumeID, of: row.id, connector: connector, context: run.request.context)
                if element.state == .attached {
                    try await run.peers.volumes.detach(
                        arguments.volumeID, from: row.id, context: run.request.context)
                }
            }
        }
        guard isFree else { return }
        try await run.commit(.undoing) { change throws(ComputeFault) in
            change.amendBlockDevices { $0[arguments.volumeID] = nil }
        }
    }

    /// One part of the way back; whether it was gone.
    private static func trying(
        _ run: OperationRun<AttachVolume>, _ body: () async throws -> Void
    ) async throws -> Bool {
        do {
            try await body()
            return true
        } catch let fault as ComputeFault {
            if fault.kind == .volumeNotFound || fault.kind == .instanceNotFound { return true }
            run.logger.warning(
                "a volume that could not be attached can't be let go of in full",
                metadata: [
                    LogKey.instance: .string(run.entry.instance?.description ?? "-"),
                    LogKey.error: .string(fault.message),
                ])
            return false
        }
    }
}
