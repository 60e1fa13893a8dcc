// SPDX-License-Identifier: Apache-2.0

@testable import ComputeManager
import ComputeModel
import FakeDriver
import Testing

/// The table method × transitions × events: what nova-compute of Folsom writes and tells, with fresh values.
@Suite("Every method's transitions and events", .timeLimit(.minutes(2)))
struct MethodTableTests {
    private static let rows =
        MethodRow.lifecycle + MethodRow.guests + MethodRow.moves + MethodRow.devices + MethodRow.host + MethodRow.reads

    @Test("There is a row for each method that the worker serves")
    func isComplete() {
        #expect(Self.rows.map(\.method).sorted() == FolsomDialect.table.methods.map(\.method).sorted())
    }

    @Test("A method that succeeds writes these states and tells these events, in this order", arguments: rows)
    func success(_ row: MethodRow) async throws {
        let fixture = try ManagerFixture(row.configure)
        let told = try await fixture.run(
            peers: row.isMove ? .yielding : row.hasServices ? FakePeers().peers : .none,
            driver: row.isMove ? FakeDriver(hostname: ManagerFixture.host) : nil
        ) { manager in
            if row.isAboutInstance, row.method != "run_instance" { try await fixture.perform(manager, Requests.run()) }
            for earlier in row.before { try await fixture.perform(manager, earlier.body) }
            let before = try await fixture.events().count
            if FolsomDialect.table.methods.first(where: { $0.method == row.method })?.isReadOnly == false {
                try await fixture.perform(manager, row.body)
            } else {
                let answer = try await fixture.answer(manager, row.body)
                #expect(answer["failure"] == .null, "\(row.method): \(JSONWriter.text(answer))")
            }
            return try await fixture.events().dropFirst(before).map(Self.line)
        }
        #expect(told == row.tells, "\(row.method)")
        if row.isAboutInstance || row.isMove {
            let left = try await fixture.instance(try #require(InstanceID(Requests.id)))
            #expect(left.map(Self.states) == row.leaves, "\(row.method)")
        }
        await fixture.close()
    }

    /// `update active/pausing > paused/-`, `reboot.end active/-`.
    private static func line(_ event: JSONObject) -> String {
        let payload = event["payload"]
        var name = event["event_type"]?.string ?? ""
        if name.hasPrefix("compute.instance.") { name.removeFirst("compute.instance.".count) }
        guard event["priority"] == "INFO" else { return "error \(name)" }
        let now = "\(payload?["state"]?.string ?? "-")/\(task(payload?["state_description"]))"
        guard name == "update", let old = payload?["old_state"]?.string else { return "\(name) \(now)" }
        return "update \(old)/\(task(payload?["old_task_state"])) > \(now)"
    }

    private static func task(_ value: JSONValue?) -> String {
        guard let text = value?.string, !text.isEmpty else { return "-" }
        return text
    }

    private static func states(_ instance: Instance) -> String {
        "\(instance.vmState?.rawValue ?? "-")/\(instance.taskState?.rawValue ?? "-")/\(instance.powerState.rawValue)"
    }
}
