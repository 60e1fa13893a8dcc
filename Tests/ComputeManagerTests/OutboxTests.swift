// SPDX-License-Identifier: Apache-2.0

import ComputeManager
import ComputeModel
import Foundation
import Logging
import Synchronization
import Testing
import WorkerStore

@Suite("The outbox relay", .timeLimit(.minutes(1)))
struct OutboxTests {
    @Test("messages of one instance leave in order and never two at once; instances go side by side")
    func order() async throws {
        try await OutboxFixture.run { fixture in
            try await fixture.put(messages: (0..<20).flatMap { number in ["a", "b", "c"].map { ($0, "\(number)") } })
            await fixture.sink.log.wait { $0.count == 60 }
            for key in ["a", "b", "c"] {
                let bodies = fixture.sink.log.events.filter { $0.key == key }.map(\.text)
                #expect(bodies == (0..<20).map { "\($0)" })
            }
            #expect(fixture.sink.mostForOneKey == 1)
            #expect(fixture.sink.mostAtOnce > 1)
            #expect(await fixture.store.wait(until: { $0.outbox == 0 }))
        }
    }

    @Test("a reply that nobody takes for a while keeps no place in the window")
    func patientReplies() async throws {
        try await OutboxFixture.run(RelayConfiguration(replyWindow: 1), holds: true) { fixture in
            fixture.sink.letPass("here")
            try await fixture.put(messages: [("gone", "reply")], kind: .reply)
            await fixture.sink.started.wait { $0.count == 1 }
            try await fixture.put(messages: (0..<3).map { ("here", "\($0)") }, kind: .reply)
            await fixture.clock.sleeper(for: .seconds(2))
            #expect(fixture.sink.log.events.isEmpty)
            fixture.clock.advance(by: .seconds(2))
            await fixture.sink.log.wait { $0.count == 3 }
            fixture.sink.release()
            await fixture.sink.log.wait { $0.count == 4 }
            try await fixture.put(messages: (0..<3).map { ("k\($0)", "m") }, kind: .reply)
            await fixture.sink.log.wait { $0.count == 7 }
            #expect(await fixture.store.wait(until: { $0.outbox == 0 }))
        }
    }

    @Test("a cast does not wait behind events, of its instance or any other")
    func castsPassEvents() async throws {
        try await OutboxFixture.run(RelayConfiguration(window: 1), holds: true) { fixture in
            fixture.sink.letPass("scheduler")
            try await fixture.put(messages: (0..<5).map { ("k\($0)", "event") })
            await fixture.sink.started.wait { $0.count == 1 }
            try await fixture.put(messages: [("scheduler", "cast")], kind: .cast)
            await fixture.sink.log.wait { $0.count == 1 }
            #expect(fixture.sink.log.events.map(\.text) == ["cast"])
            fixture.sink.release()
            await fixture.sink.log.wait { $0.count == 6 }
        }
    }

    @Test("a cast that was taken back before it left does not leave, also where it was read already")
    func takenBack() async throws {
        try await OutboxFixture.run(holds: true) { fixture in
            let id = InstanceID(bits: UniqueBits(high: 0, low: 1))
            let cast = OutboxMessage(
                orderingKey: "a", kind: .cast, exchange: "nova", routingKey: "a", isMandatory: true, body: [0x63],
                instance: id)
            let first = OutboxFixture.message("a", "first", .cast)
            let last = OutboxFixture.message("a", "end", .cast)
            try await fixture.store.write { transaction in
                for message in [first, cast, last] { try transaction.enqueue(message) }
            }
            await fixture.sink.started.wait { $0.count == 1 }
            _ = try await fixture.store.write { try $0.strikeCasts(of: id) }
            fixture.sink.release()
            await fixture.sink.log.wait { $0.contains { $0.text == "end" } }
            #expect(!fixture.sink.log.events.contains { $0.text == "c" })
            #expect(await fixture.store.wait(until: { $0.outbox == 0 }))
        }
    }

    @Test("the fate of a cast that was taken back while it was on its way moves nothing", arguments: [true, false])
    func takenBackOnItsWay(isTaken: Bool) async throws {
        let failures: [String: [DeliveryFailure]] = isTaken ? [:] : ["a": [.unroutable("312 NO_ROUTE")]]
        try await OutboxFixture.run(holds: true, failures: failures) { fixture in
            let id = InstanceID(bits: UniqueBits(high: 0, low: 1))
            let cast = OutboxMessage(
                orderingKey: "a", kind: .cast, exchange: "nova", routingKey: "a", isMandatory: true, body: [0x63],
                instance: id)
            _ = try await fixture.store.write { try $0.enqueue(cast) }
            await fixture.sink.started.wait { $0.count == 1 }
            _ = try await fixture.store.write { transaction in
                try transaction.strikeCasts(of: id)
                // What a build that came back hands over in its turn.
                try transaction.enqueue(OutboxFixture.message("a", "again", .cast))
            }
            fixture.sink.release()
            #expect(await fixture.store.wait(until: { $0.outbox == 0 }))
            let sent = fixture.sink.log.events.map(\.text)
            #expect(sent == (isTaken ? ["c"] : []) + ["again", "a"])
        }
    }

    @Test("no more than the window is under way, and the window is used")
    func window() async throws {
        try await OutboxFixture.run(RelayConfiguration(window: 4), holds: true) { fixture in
            try await fixture.put(messages: (0..<30).map { ("k\($0)", "m") })
            await fixture.sink.started.wait { $0.count == 4 }
            #expect(fixture.sink.mostAtOnce == 4)
            fixture.sink.release()
            await fixture.sink.log.wait { $0.count == 30 }
            #expect(fixture.sink.mostAtOnce == 4)
        }
    }

    @Test("a row is struck only after the confirm, and what was not confirmed is sent by the next relay")
    func strikesAfterConfirm() async throws {
        try await OutboxFixture.run(holds: true) { fixture in
            try await fixture.put(messages: [("a", "1"), ("a", "2")])
            await fixture.sink.started.wait { $0.count == 1 }
            #expect(fixture.store.levels.outbox == 2)
            #expect(try await fixture.store.read { try $0.outbox(limit: 9) }.count == 2)
            fixture.sink.release()
            #expect(await fixture.store.wait(until: { $0.outbox == 0 }))
        }
        try await OutboxFixture.run(holds: true) { fixture in
            try await fixture.put(messages: [("a", "1")])
            await fixture.sink.started.wait { $0.count == 1 }
            return fixture.store
        } afterwards: { store, _ in
            #expect(store.levels.outbox == 1)
        }
    }

    @Test("a refused message stops its instance alone, for longer each time, and nothing overtakes it")
    func refusal() async throws {
        let configuration = RelayConfiguration(shortestPause: .seconds(1), longestPause: .seconds(3))
        let failures: [DeliveryFailure] = [.refused("x"), .unavailable("y"), .refused("z")]
        try await OutboxFixture.run(configuration, failures: ["sick": failures]) { fixture in
            try await fixture.put(messages: [("sick", "1"), ("sick", "2"), ("well", "1")])
            await fixture.sink.log.wait { $0.count == 1 }
            for pause in [1, 2, 3] {
                await fixture.clock.sleeper(for: .seconds(pause))
                try await fixture.put(messages: [("well", "after \(pause)"), ("sick", "after \(pause)")])
                await fixture.sink.log.wait { $0.count == 1 + pause }
                fixture.clock.advance(by: .seconds(pause))
            }
            await fixture.sink.log.wait { $0.count == 9 }
            let sick = fixture.sink.log.events.filter { $0.key == "sick" }.map(\.text)
            #expect(sick == ["1", "2", "after 1", "after 2", "after 3"])
            #expect(await fixture.store.wait(until: { $0.outbox == 0 }))
        }
    }

    @Test("a notification that no queue takes is dropped, or kept where that is asked for")
    func unroutable() async throws {
        let failures: [String: [DeliveryFailure]] = ["a": [.unroutable("312")]]
        try await OutboxFixture.run(failures: failures) { fixture in
            try await fixture.put(messages: [("a", "1"), ("a", "2")])
            #expect(await fixture.store.wait(until: { $0.outbox == 0 }))
            #expect(fixture.sink.log.events.map(\.text) == ["2"])
        }
        let keeping = RelayConfiguration(unroutableNotifications: .keep, shortestPause: .seconds(1))
        try await OutboxFixture.run(keeping, failures: failures) { fixture in
            try await fixture.put(messages: [("a", "1"), ("a", "2")])
            await fixture.clock.sleeper(for: .seconds(1))
            fixture.clock.advance(by: .seconds(1))
            await fixture.sink.log.wait { $0.count == 2 }
            #expect(fixture.sink.log.events.map(\.text) == ["1", "2"])
        }
    }

    @Test("the fate of a cast and what follows from it are one commit")
    func casts() async throws {
        try await OutboxFixture.run(failures: ["lost": [.unroutable("312 NO_ROUTE")]]) { fixture in
            try await fixture.put(messages: [("lost", "build"), ("taken", "build")], kind: .cast)
            // The observer puts an event into the outbox for each cast, which then leaves too.
            await fixture.sink.log.wait { $0.count == 3 }
            #expect(Set(fixture.sink.log.events.map(\.text)) == ["build", "lost: 312 NO_ROUTE", "taken"])
            #expect(await fixture.store.wait(until: { $0.outbox == 0 }))
        }
    }

    @Test("an outcome that can't be recorded does not stop the relay")
    func failingObserver() async throws {
        try await OutboxFixture.run(observerFails: true) { fixture in
            try await fixture.put(messages: [("a", "build")], kind: .cast)
            try await fixture.put(messages: [("b", "event")])
            #expect(await fixture.store.wait(until: { $0.outbox == 0 }))
            #expect(fixture.sink.log.events.count == 2)
        }
    }

    @Test("a reply does not wait behind events that don't leave")
    func replies() async throws {
        try await OutboxFixture.run(RelayConfiguration(window: 2, bufferedBytes: 1), holds: true) { fixture in
            try await fixture.put(messages: (0..<600).map { ("k\($0)", "event") })
            await fixture.sink.started.wait { $0.count == 2 }
            fixture.sink.letPass("reply")
            try await fixture.put(messages: [("reply", "answer")], kind: .reply)
            await fixture.sink.log.wait { $0.map(\.text) == ["answer"] }
        }
    }

    @Test("far more than fits the buffer leaves all the same, in order", arguments: [1, 3000])
    func backlog(keys: Int) async throws {
        try await OutboxFixture.run(RelayConfiguration(window: 64, bufferedBytes: 2000)) { fixture in
            try await fixture.put(messages: (0..<3000).map { ("k\($0 % keys)", "\($0)") })
            await fixture.sink.log.wait { $0.count == 3000 }
            if keys == 1 { #expect(fixture.sink.log.events.map(\.text) == (0..<3000).map { "\($0)" }) }
            #expect(Set(fixture.sink.log.events.map(\.text)).count == 3000)
            #expect(await fixture.store.wait(until: { $0.outbox == 0 }))
        }
    }

    @Test("a resting instance with a long queue does not fill the buffer of the others")
    func restingQueue() async throws {
        let configuration = RelayConfiguration(bufferedBytes: 500, shortestPause: .seconds(1))
        try await OutboxFixture.run(configuration, failures: ["sick": [.refused("x")]]) { fixture in
            try await fixture.put(messages: (0..<1000).map { ("sick", "\($0)") })
            await fixture.clock.sleeper(for: .seconds(1))
            try await fixture.put(messages: (0..<100).map { ("well", "\($0)") })
            await fixture.sink.log.wait { $0.count == 100 }
            fixture.clock.advance(by: .seconds(1))
            await fixture.sink.log.wait { $0.count == 1100 }
            let sick = fixture.sink.log.events.filter { $0.key == "sick" }.map(\.text)
            #expect(sick == (0..<1000).map { "\($0)" })
        }
    }

    @Test("a sink that is closed ends the relay, and the rows stay")
    func closed() async throws {
        try await OutboxFixture.run(failures: ["a": [.closed]]) { fixture in
            try await fixture.put(messages: [("a", "1")])
            await fixture.ended.wait { $0.count == 1 }
            #expect(fixture.store.levels.outbox == 1)
        }
    }
}
