// SPDX-License-Identifier: Apache-2.0

internal import ComputeDriver
internal import ComputeModel

/// Says whether a running guest can come to this host, after asking the host where it is.
/// Nova: `check_can_live_migrate_destination`.
enum CheckCanLiveMigrateDestination: InstanceOperation {
    struct Arguments: Sendable {
        let instance: Instance
        let takesDisks: Bool
        let mayOvercommitDisk: Bool
    }

    enum Step: Codable, Sendable, Hashable {
        /// The driver has checked, and left traces that this JSON text names.
        case checked(String)
    }

    /// Tells the source that this host takes back what it prepared, whatever kind of move it was.
    static let rollsBackKey = "rolls_back_at_destination"

    static let name = OperationName(rawValue: "check_can_live_migrate_destination")
    static let summary = "says whether a running guest can come to this host"
    static let stepNames = ["checked"]
    static let needs: [DriverOperation] = [.checkLiveMigrationDestination, .prepareLiveMigration]
    static let events: [String] = []
    static let seesMovedAway = true

    static func instance(of arguments: Arguments) -> Instance { arguments.instance }
    static func acceptance(of arguments: Arguments) -> AcceptanceRule { .none }
    static func json(_ output: JSONValue) -> JSONValue { output }
    /// The traces of the check are removed, then it is made anew.
    static func recovery(at step: Step) -> RecoveryRule { .goOn }

    static func perform(
        _ arguments: Arguments, from step: Step?, in run: OperationRun<CheckCanLiveMigrateDestination>
    ) async throws -> Finished<JSONValue> {
        let instance = arguments.instance
        // The journal's own text; where it can't be read, nothing is known that could be cleaned up.
        if case .checked(let text)? = step, let check = (try? JSONParser.parse(text))?.object {
            try await run.driver.cleanUpLiveMigrationCheck(check, on: instance.id)
        }
        guard let source = instance.host, source != run.host else {
            let text =
                instance.host == nil
                ? "the request does not say on which host the instance is: its field 'host' is missing"
                : "the instance is on this host already"
            throw ComputeFault(
                .migrationFailure, "Migration error: \(text)", instance: instance.id,
                arguments: ["reason": .string(text)])
        }
        let check = try await run.driver.checkLiveMigrationDestination(
            LiveMigrationCheck(
                instance: instance, takesDisks: arguments.takesDisks,
                mayOvercommitDisk: arguments.mayOvercommitDisk))
        try await run.note(.checked(JSONWriter.text(.object(check))))
        let answer: JSONValue
        do {
            answer = try await run.ask(
                source, CheckCanLiveMigrateSource.name.rawValue,
                ["instance": instance.json, "dest_check_data": .object(check)])
        } catch {
            try await run.attempting("clean up a check") {
                try await run.driver.cleanUpLiveMigrationCheck(check, on: instance.id)
            }
            throw error
        }
        try await run.driver.cleanUpLiveMigrationCheck(check, on: instance.id)
        var data = check["migrate_data"]?.object ?? JSONObject()
        for member in answer.object?.members ?? [] { data[member.key] = member.value }
        data[rollsBackKey] = true
        return try await run.answer(.object(data))
    }

    /// A question changes nothing.
    static func failed(_ fault: ComputeFault, _ change: inout InstanceChange) {}
}
