// SPDX-License-Identifier: Apache-2.0

@testable import ComputeManager
import ComputeModel
import FakeDriver
import Testing

/// The table method × (served, transitions, events): a row of what nova-compute of Folsom writes and tells, with fresh
/// values, for each method that succeeds (``MethodRow``) and for each that fails (``MethodFailure``). That there are no
/// more and no fewer rows than methods of the worker's own table is a test; that a real client finds each of these
/// served is `MethodTests`; that docs/API.md prints what is told here is the first of them.
@Suite("Every method's transitions and events", .timeLimit(.minutes(2)))
struct MethodTableTests {
    private static let rows =
        MethodRow.lifecycle + MethodRow.guests + MethodRow.moves + MethodRow.devices + MethodRow.host + MethodRow.reads

    @Test("Each method that the worker serves has a row of its success, with the listed events, and one of a failure")
    func isComplete() {
        let methods = FolsomDialect.table.methods
        #expect(Self.rows.map(\.method).sorted() == methods.map(\.method).sorted())
        #expect(MethodFailure.all.map(\.method).sorted() == methods.map(\.method).sorted())
        for row in Self.rows {
            let told = row.tells.compactMap { $0.split(separator: " ").first.map(String.init) }
            let listed = methods.first { $0.method == row.method }?.events
            #expect(told.filter { $0 != "update" } == listed?.filter { $0 != "update" }, "\(row.method)")
        }
    }

    @Test("A method that succeeds writes these states and tells these events, in this order", arguments: rows)
    func success(_ row: MethodRow) async throws {
        let (events, left) = try await Self.play(row, failing: nil)
        #expect(events.map(Self.line) == row.tells, "\(row.method)")
        if row.isAboutInstance || row.isMove { #expect(left == row.leaves, "\(row.method)") }
    }

    @Test("A method that fails leaves these states, tells these events, and of its failure with nova's keys",
        arguments: MethodFailure.all)
    func failure(_ failure: MethodFailure) async throws {
        let row = try #require(Self.rows.first { $0.method == failure.method })
        let (events, left) = try await Self.play(row, failing: failure)
        #expect(events.map(Self.line) == failure.tells, "\(row.method)")
        if row.isAboutInstance || row.isMove { #expect(left == failure.leaves, "\(row.method)") }
        let arguments = try #require(try JSONParser.parse(row.body(with: failure.arguments))["args"]?.object)
        for event in events where event["priority"] != "INFO" {
            #expect(event["priority"] == "ERROR" && event["publisher_id"] == "compute.compute1", "\(row.method)")
            let payload = try #require(event["payload"]?.object)
            #expect(Set(payload.keys) == Set(arguments.keys).union(["args", "exception"]), "\(row.method)")
            #expect(payload["args"]?.array?.count == 2, "\(row.method)")
            #expect(payload["exception"]?["kwargs"]?.object != nil, "\(row.method)")
            #expect(payload["exception"]?["kind"]?.string == failure.kind, "\(row.method)")
            #expect(!JSONWriter.text(.object(payload)).contains("\"secret\""), "\(row.method)")
        }
    }

    /// Runs one method after what comes before it: the events that it told, and the states that it left.
    private static func play(
        _ row: MethodRow, failing failure: MethodFailure?
    ) async throws -> (events: [JSONObject], left: String?) {
        let fixture = try ManagerFixture {
            row.configure(&$0)
            failure?.configure(&$0)
        }
        let driver = row.isMove ? FakeDriver(hostname: ManagerFixture.host) : fixture.driver
        let events = try await fixture.run(
            peers: row.isMove ? .yielding : row.hasServices ? FakePeers().peers : .none, driver: driver
        ) { manager in
            if row.isAboutInstance, row.method != "run_instance" { try await fixture.perform(manager, Requests.run()) }
            for earlier in row.before { try await fixture.perform(manager, earlier.body) }
            let before = try await fixture.events().count
            if let operation = failure?.operation {
                driver.faults.plan(
                    .fail(ComputeFault(.hypervisorFailure, "no")), for: operation,
                    calls: (driver.faults.calls(of: operation) + 1)...Int.max)
            }
            let body = row.body(with: failure?.arguments ?? [:])
            if FolsomDialect.table.methods.first(where: { $0.method == row.method })?.isReadOnly == false {
                try await fixture.submit(manager, body)
                for _ in 0..<(failure?.waits ?? 0) {
                    await fixture.clock.sleeper(for: .seconds(1))
                    fixture.clock.advance(by: .seconds(1))
                }
                await fixture.idle()
            } else {
                let answer = try await fixture.answer(manager, body)
                #expect(answer["failure"] == JSONValue(failure?.kind), "\(row.method): \(JSONWriter.text(answer))")
            }
            return Array(try await fixture.events().dropFirst(before))
        }
        let left = try await fixture.instance(InstanceID(bits: Requests.instanceID))
        await fixture.close()
        return (events, left.map(states))
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
