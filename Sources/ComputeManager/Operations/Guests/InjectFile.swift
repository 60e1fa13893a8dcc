// SPDX-License-Identifier: Apache-2.0

internal import ComputeDriver
internal import ComputeModel
internal import Logging
internal import WorkerStore

/// Writes a file into a running guest. Nova: `inject_file`.
///
/// No driver shows what a guest's files hold: a restart writes the same file again.
enum InjectFile: InstanceOperation {
    struct Arguments: Sendable {
        let instance: Instance
        let file: Secret<InjectedFile>
    }

    enum Step: String, CaseIterable, Codable, Sendable, Hashable {
        /// The guest was asked, or is about to be.
        case injecting
    }

    static let name = OperationName(rawValue: "inject_file")
    static let summary = "writes a file into a running guest"
    static let needs: [DriverOperation] = [.injectFile]
    static let events: [String] = []

    static func instance(of arguments: Arguments) -> Instance { arguments.instance }
    static func acceptance(of arguments: Arguments) -> AcceptanceRule { .none }
    static func json(_ output: JSONValue) -> JSONValue { output }
    static func recovery(at step: Step) -> RecoveryRule { .goOn }

    static func perform(
        _ arguments: Arguments, from step: Step?, in run: OperationRun<InjectFile>
    ) async throws -> Finished<JSONValue> {
        let id = arguments.instance.id
        if step == nil {
            try await run.begin(arguments.instance, .injecting, accept: acceptance(of: arguments)) { _ in }
        }
        try run.checkInterruption()
        if try await run.driver.powerState(id) != .running {
            run.logger.warning(
                "a file is to go into a guest that does not run",
                metadata: [LogKey.instance: .string(id.description)])
        }
        try await run.driver.injectFile(
            arguments.file, into: run.row?.instance ?? arguments.instance, interruptedBy: run.token)
        return try await run.finish(.null) { _ in }
    }
}
