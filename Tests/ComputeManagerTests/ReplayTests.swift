// SPDX-License-Identifier: Apache-2.0

import ComputeManager
import ComputeModel
import Testing

@Suite("The recorded sequences, replayed with the fake driver", .timeLimit(.minutes(1)))
struct ReplayTests {
    @Test("Create, soft reboot, stop, start and delete give the recorded events in the recorded order")
    func replay() async throws {
        let fixture = try ManagerFixture()
        let names = [
            "f11-sequence-create", "f12-sequence-reboot-soft", "f14-sequence-stop", "f15-sequence-start",
            "f13-sequence-delete",
        ]
        let sequences = try names.map { try GoldenSequence($0) }
        try await fixture.run { manager in
            for sequence in sequences { try await fixture.perform(manager, sequence.body()) }
        }
        let recorded = sequences.flatMap(\.events)
        let ours = try await fixture.events()
        #expect(ours.map { $0["event_type"] } == recorded.map { $0["event_type"] })
        #expect(recorded.count == 23)
        for (index, (event, expected)) in zip(ours, recorded).enumerated() {
            #expect(ReplayComparator.differences(event, expected) == [], "event \(index)")
        }
        await fixture.close()
    }

    @Test("Pause, unpause, suspend, resume and snapshot give the recorded events in the recorded order")
    func replayGuests() async throws {
        let fixture = try ManagerFixture()
        let create = try GoldenSequence("f11-sequence-create")
        let sequences = [
            try GoldenSequence("f17-sequence-pause-unpause-suspend-resume"), try GoldenSequence("f19-sequence-snapshot"),
        ]
        let before = try await fixture.run { manager in
            try await fixture.perform(manager, create.body())
            let before = try await fixture.events().count
            for body in sequences.flatMap(\.bodies) { try await fixture.perform(manager, body) }
            return before
        }
        let recorded = sequences.flatMap(\.events)
        let ours = try await fixture.events().dropFirst(before)
        #expect(ours.map { $0["event_type"] } == recorded.map { $0["event_type"] })
        #expect(recorded.count == 10)
        for (index, (event, expected)) in zip(ours, recorded).enumerated() {
            #expect(ReplayComparator.differences(event, expected) == [], "event \(index)")
        }
        await fixture.close()
    }

    @Test("Every event tells the state of its moment, is published by this host, and holds no token")
    func fresh() async throws {
        let fixture = try ManagerFixture()
        let create = try GoldenSequence("f11-sequence-create")
        let stop = try GoldenSequence("f14-sequence-stop")
        let delete = try GoldenSequence("f13-sequence-delete")
        try await fixture.run { manager in
            for sequence in [create, stop, delete] { try await fixture.perform(manager, sequence.body()) }
        }
        let events = try await fixture.events()
        func payload(_ type: String) -> JSONValue? { events.first { $0["event_type"] == .string(type) }?["payload"] }
        #expect(payload("compute.instance.power_off.start")?["state_description"] == "stopping")
        #expect(payload("compute.instance.power_off.end")?["state"] == "stopped")
        #expect(payload("compute.instance.power_off.end")?["state_description"] == "")
        #expect(payload("compute.instance.delete.start")?["state_description"] == "deleting")
        #expect(payload("compute.instance.delete.end")?["state"] == "deleted")
        #expect(payload("compute.instance.create.end")?["fixed_ips"] == [])
        for event in events {
            #expect(event["publisher_id"] == "compute.compute1")
            #expect(event["context"]?["auth_token"] == .null)
            for key in ["created_at", "launched_at", "deleted_at", "audit_period_beginning", "audit_period_ending"] {
                guard let text = event["payload"]?[key]?.string, !text.isEmpty else { continue }
                #expect(Timestamp(text)?.iso == text)
            }
        }
        #expect(Set(events.compactMap { $0["message_id"]?.string }).count == events.count)
        await fixture.close()
    }

    @Test("The comparator sees a missing key, a surplus key, a wrong type and a wrong value")
    func comparator() throws {
        let events = try GoldenSequence("f14-sequence-stop").events
        func differences(_ number: Int, _ change: (inout JSONObject) -> Void) throws -> Int {
            var event = events[number]
            var payload = try #require(event["payload"]?.object)
            change(&payload)
            event["payload"] = .object(payload)
            return ReplayComparator.differences(event, events[number]).count
        }
        let (start, update) = (0, 1)
        #expect(events[update]["event_type"] == "compute.instance.update")
        for number in [start, update] {
            #expect(try differences(number) { _ in } == 0)
            #expect(try differences(number) { $0["vcpus"] = nil } == 1)
            #expect(try differences(number) { $0["surplus"] = 1 } == 1)
            #expect(try differences(number) { $0["memory_mb"] = "512" } == 1)
            #expect(try differences(number) { $0["memory_mb"] = 513 } == 1)
            #expect(try differences(number) { $0["created_at"] = "2026-11-24T00:00:00.000000" } == 0)
            #expect(try differences(number) { $0["created_at"] = .null } == 1)
            #expect(try differences(number) { $0["host"] = "another" } == 1)
            #expect(try differences(number) { $0["host"] = .null } == 1)
            #expect(try differences(number) { $0["state"] = nil } == 1)
            #expect(try differences(number) { $0["state"] = .null } == 1)
        }
        #expect(try differences(start) { $0["state"] = "stopped" } == 0)
        for key in ["state", "state_description", "old_state", "old_task_state", "new_task_state"] {
            #expect(try differences(update) { $0[key] = "another" } == 1, "\(key)")
        }
    }
}
