// SPDX-License-Identifier: Apache-2.0

internal import ComputeDriver
internal import ComputeModel
internal import ImageService
internal import WorkerStore

/// Copies an instance's root disk into an image, and of backups deletes the oldest. Nova: `snapshot_instance`.
///
/// The driver writes a file, the image service lists it when it is whole. A restart takes an image that is listed for
/// done; else it removes the half file and copies anew.
enum SnapshotInstance: InstanceOperation {
    struct Arguments: Sendable {
        let instance: Instance
        let imageID: String
        let kind: Kind
    }

    enum Kind: Sendable, Hashable {
        case snapshot
        /// One of a row of which `rotation` are kept.
        case backup(type: String, rotation: Int)

        var task: TaskState { self == .snapshot ? .imageSnapshot : .imageBackup }
    }

    enum Step: String, CaseIterable, Codable, Sendable, Hashable {
        /// The driver is copying, or the copy is being listed.
        case copying
    }

    static let name = OperationName(rawValue: "snapshot_instance")
    static let summary = "copies an instance's root disk into an image"
    static let needs: [DriverOperation] = [.snapshot]
    static let events = ["snapshot.start", "snapshot.end"]
    static let needsRoom = true

    static func instance(of arguments: Arguments) -> Instance { arguments.instance }
    static func acceptance(of arguments: Arguments) -> AcceptanceRule { .ifIdle(arguments.kind.task) }
    static func json(_ output: JSONValue) -> JSONValue { output }
    static func recovery(at step: Step) -> RecoveryRule { .redoUnlessDone }

    static func perform(
        _ arguments: Arguments, from step: Step?, in run: OperationRun<SnapshotInstance>
    ) async throws -> Finished<JSONValue> {
        let upload = SnapshotUpload(arguments: arguments, run: run)
        let task = arguments.kind.task
        if step == nil {
            try await upload.begin()
            let power = try await run.driver.powerState(arguments.instance.id)
            try await run.begin(
                arguments.instance, .copying, accept: acceptance(of: arguments), expecting: [task]
            ) { change throws(ComputeFault) in
                change.update(elevated: true) { $0.powerState = power }
                change.notify("snapshot.start", elevated: true)
            }
        }
        if step == nil || recovery(at: .copying) != .redoUnlessDone {
            try await upload.copy()
        } else if try await !upload.isListed() {
            try await upload.copy()
        }
        if case .backup(let type, let rotation) = arguments.kind {
            try await upload.rotate(type, keeping: rotation)
        }
        return try await run.finish(.null) { change throws(ComputeFault) in
            try change.update(expecting: [task], elevated: true) { $0.taskState = nil }
            change.notify("snapshot.end", elevated: true)
        }
    }

    /// A half file goes; an image that is listed stays, as the guest does.
    static func undo(_ arguments: Arguments, in run: OperationRun<SnapshotInstance>) async throws {
        try await SnapshotUpload(arguments: arguments, run: run).discard()
    }
}
