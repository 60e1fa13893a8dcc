// SPDX-License-Identifier: Apache-2.0

internal import ComputeDriver
internal import ComputeModel
internal import WorkerStore

/// Changes an instance's metadata and tells its guest. Nova: `change_instance_metadata`.
///
/// The row follows with every driver, since events tell of it; a driver that has no way to tell a guest does nothing,
/// as in nova. A restart tells it again: the same changes once more are none.
enum ChangeInstanceMetadata: InstanceOperation {
    struct Arguments: Sendable {
        let instance: Instance
        /// By key, in the order of the keys.
        let changes: [MetadataChange]
    }

    enum Step: String, CaseIterable, Codable, Sendable, Hashable {
        /// The row has changed; the guest was told, or is about to be.
        case telling
    }

    static let name = OperationName(rawValue: "change_instance_metadata")
    static let summary = "changes an instance's metadata and tells its guest"
    static let needs: [DriverOperation] = []
    static let events: [String] = []

    static func instance(of arguments: Arguments) -> Instance { arguments.instance }
    static func acceptance(of arguments: Arguments) -> AcceptanceRule { .none }
    static func json(_ output: JSONValue) -> JSONValue { output }
    static func recovery(at step: Step) -> RecoveryRule { .goOn }

    static func perform(
        _ arguments: Arguments, from step: Step?, in run: OperationRun<ChangeInstanceMetadata>
    ) async throws -> Finished<JSONValue> {
        if step == nil {
            try await run.begin(
                arguments.instance, .telling, accept: acceptance(of: arguments)
            ) { change throws(ComputeFault) in
                change.amend { $0.instance.apply(arguments.changes) }
            }
        }
        try run.checkInterruption()
        try await run.driver.changeMetadata(
            of: run.row?.instance ?? arguments.instance, arguments.changes, interruptedBy: run.token)
        return try await run.finish(.null) { _ in }
    }
}

extension Instance {
    fileprivate mutating func apply(_ changes: [MetadataChange]) {
        for change in changes {
            switch change {
            case .set(let key, let value): setMetadata(value, for: key)
            case .remove(let key): setMetadata(nil, for: key)
            }
        }
    }
}
