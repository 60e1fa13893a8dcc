// SPDX-License-Identifier: Apache-2.0

internal import ComputeDriver
internal import ComputeModel
internal import WorkerStore

/// Says whether a running guest can leave this host for the one whose check is given.
/// Nova: `check_can_live_migrate_source`.
enum CheckCanLiveMigrateSource: InstanceOperation {
    struct Arguments: Sendable {
        let instance: Instance
        /// What the other host says of itself.
        let destination: JSONObject
    }

    typealias Step = NoStep

    static let name = OperationName(rawValue: "check_can_live_migrate_source")
    static let summary = "says whether a running guest can leave this host"
    static let needs: [DriverOperation] = [.checkLiveMigrationSource, .liveMigrate]
    static let events: [String] = []

    static func instance(of arguments: Arguments) -> Instance { arguments.instance }
    static func acceptance(of arguments: Arguments) -> AcceptanceRule { .none }
    static func json(_ output: JSONValue) -> JSONValue { output }
    /// A question.
    static func recovery(at step: NoStep) -> RecoveryRule { .goOn }

    static func perform(
        _ arguments: Arguments, from step: NoStep?, in run: OperationRun<CheckCanLiveMigrateSource>
    ) async throws -> Finished<JSONValue> {
        let instance = run.row?.instance ?? arguments.instance
        let added = try await run.driver.checkLiveMigrationSource(instance, destination: arguments.destination)
        return try await run.answer(added.isEmpty ? .null : .object(added))
    }

    /// A question changes nothing.
    static func failed(_ fault: ComputeFault, _ change: inout InstanceChange) {}
}
