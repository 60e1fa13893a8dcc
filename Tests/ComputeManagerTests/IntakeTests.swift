// SPDX-License-Identifier: Apache-2.0

import ComputeManager
import ComputeModel
import Synchronization
import Testing
import WorkerStore

@Suite("The intake", .timeLimit(.minutes(1)))
struct IntakeTests {
    @Test("a cast is acknowledged only when a crash could no longer take it back")
    func acknowledgesAfterCommit() async throws {
        let onDisk = Mutex<[(UInt64, Int)]>([])
        try await IntakeFixture.run(onAcknowledge: { directory, numbers in
            let unfinished = (try? IntakeFixture.unfinishedAfterCrash(of: directory)) ?? -1
            onDisk.withLock { all in for number in numbers { all.append((number, unfinished)) } }
        }) { fixture in
            fixture.source.feed((1...3).map { incoming($0) })
            await fixture.waitForAcknowledgement(1, 2, 3)
            fixture.source.feed([incoming(4)])
            await fixture.waitForAcknowledgement(4)
        }
        let seen = onDisk.withLock { $0 }
        #expect(seen.map(\.0) == [1, 2, 3, 4])
        #expect(seen.map(\.1) == [3, 3, 3, 4])
    }

    @Test("work is handed on in arrival order, after the acknowledgement, with its body")
    func handsOn() async throws {
        try await IntakeFixture.run { fixture in
            fixture.source.feed([incoming(1, "run_instance"), incoming(2, isCall: true), incoming(3)])
            let events = await fixture.log.wait { $0.contains { if case .enqueued = $0 { true } else { false } } }
            #expect(events.suffix(2) == [.acknowledged([1, 2, 3]), .enqueued([1, 2, 3].map { JournalID($0) })])
            let entries = fixture.work.received
            #expect(entries.map(\.operation) == ["run_instance", "reboot_instance", "reboot_instance"])
            #expect(entries.map(\.reply) == [nil, .messageID("call2"), nil])
            #expect(entries.map(\.body) == (1...3).map { Array("{\"n\": \($0)}".utf8) })
        }
    }

    @Test("a repeat is acknowledged and leads to no work; two equal casts without an id are two wishes")
    func repeats() async throws {
        try await IntakeFixture.run { fixture in
            fixture.source.feed([
                incoming(1, id: "a"), incoming(2, id: "a", redelivered: true), incoming(3, body: "{}"),
                incoming(4, body: "{}"), incoming(5, body: "{}", redelivered: true, connection: 2),
            ])
            await fixture.waitForAcknowledgement(1, 2, 3, 4, 5)
            fixture.source.feed([incoming(6, id: "a", redelivered: true), incoming(7)])
            await fixture.log.wait { $0.filter { if case .enqueued = $0 { true } else { false } }.count == 2 }
            #expect(fixture.acknowledged.contains(6))
            #expect(fixture.work.received.map(\.id.value) == [1, 2, 3, 4])
            #expect(fixture.store.levels.unfinished == 4)
        }
    }

    @Test("what can't be taken in: a call that can be answered is answered, all else becomes a dead letter")
    func refusals() async throws {
        let answerable = MalformedMessage(.badField, "args", reply: .messageID("r"))
        try await IntakeFixture.run { fixture in
            fixture.source.feed([
                incoming(1, malformed: MalformedMessage(.notJSON, "no")), incoming(2, "unknown"),
                incoming(3, "unknown", isCall: true), incoming(4, "old", isCall: true), incoming(5, "old"),
                incoming(6, malformed: answerable), incoming(7, isCall: true, size: 1 << 26),
                incoming(8, malformed: MalformedMessage(.tooLarge, "big", reply: .messageID("x"))),
            ])
            await fixture.waitForAcknowledgement(1, 2, 3, 4, 5, 6, 7, 8)
            let letters = fixture.log.events.filter { $0 == .published(.deadLetter) }
            #expect(letters.count == 5)
            let replies = try await fixture.store.read { try $0.outbox(.addressed, limit: 9) }
            #expect(replies.map(\.message.orderingKey) == ["reply:call3", "reply:call4", "reply:r"])
            #expect(fixture.store.levels.unfinished == 0)
            #expect(fixture.work.received.isEmpty)
        }
    }

    @Test("a dead letter is confirmed before the original is acknowledged, however often the broker refuses it")
    func deadLetterOrder() async throws {
        let configuration = IntakeConfiguration(shortestPause: .seconds(1), longestPause: .seconds(2))
        try await IntakeFixture.run(configuration, failures: [.refused("full"), .unavailable("gone")]) { fixture in
            fixture.source.feed([incoming(1, malformed: MalformedMessage(.notJSON, "no")), incoming(2)])
            await fixture.waitForAcknowledgement(2)
            for pause in [1, 2] {
                await fixture.clock.sleeper(for: .seconds(pause))
                #expect(!fixture.acknowledged.contains(1))
                fixture.clock.advance(by: .seconds(pause))
            }
            let events = await fixture.log.wait { IntakeFixture.acknowledged($0).contains(1) }
            let published = try #require(events.firstIndex(of: .published(.deadLetter)))
            let acknowledged = try #require(events.firstIndex(of: .acknowledged([1])))
            #expect(published < acknowledged)
        }
    }

    @Test(
        "a dead letter that no queue takes does not come back for ever; a closed sink keeps the original unacknowledged"
    )
    func deadLetterFates() async throws {
        try await IntakeFixture.run(failures: [.unroutable("312"), .closed]) { fixture in
            fixture.source.feed([incoming(1, malformed: MalformedMessage(.notJSON, "no"))])
            await fixture.waitForAcknowledgement(1)
            fixture.source.feed([incoming(2, malformed: MalformedMessage(.notJSON, "no"))])
            fixture.source.feed([incoming(3)])
            await fixture.waitForAcknowledgement(3)
            #expect(fixture.acknowledged == [1, 3])
        }
    }

    @Test("read-only calls pass by the journal, and one too many is answered with a failure")
    func readOnly() async throws {
        try await IntakeFixture.run(IntakeConfiguration(readOnlyLimit: 2), holdsReadings: true) { fixture in
            fixture.source.feed((1...4).map { incoming($0, "read_console", isCall: true) })
            await fixture.waitForAcknowledgement(1, 2, 3, 4)
            await fixture.log.wait { $0.contains(.served(1)) && $0.contains(.served(2)) }
            let replies = try await fixture.store.read { try $0.outbox(.addressed, limit: 9) }
            #expect(replies.map(\.message.orderingKey) == ["reply:call3", "reply:call4"])
            fixture.source.feed([incoming(5)])
            await fixture.waitForAcknowledgement(5)
            #expect(fixture.store.levels.unfinished == 1)
        }
    }

    @Test("consuming stops at the high mark and goes on at the low one")
    func waterMarks() async throws {
        try await IntakeFixture.run(IntakeConfiguration(highWater: 4, lowWater: 1)) { fixture in
            fixture.source.feed((1...3).map { incoming($0) })
            await fixture.waitForAcknowledgement(1, 2, 3)
            #expect(!fixture.log.events.contains(.paused))
            fixture.source.feed([incoming(4), incoming(5)])
            await fixture.log.wait { $0.contains(.state(.full(unfinished: 5))) }
            #expect(fixture.acknowledged == [1, 2, 3, 4, 5])
            for id in 1...3 {
                _ = try await fixture.store.write { try $0.finish(JournalID(Int64(id)), outcome: .succeeded) }
            }
            #expect(!fixture.log.events.contains(.resumed))
            _ = try await fixture.store.write { try $0.finish(JournalID(4), outcome: .succeeded) }
            await fixture.log.wait { $0.contains(.resumed) }
            #expect(fixture.intake.state == .consuming)
            fixture.source.feed([incoming(6)])
            await fixture.waitForAcknowledgement(6)
        }
    }

    @Test("a full disk: nothing is acknowledged, the queue is given back, and it goes on by itself when there is room")
    func fullDisk() async throws {
        let configuration = IntakeConfiguration(shortestPause: .seconds(1), longestPause: .seconds(2))
        try await IntakeFixture.run(
            store: {
                $0.pageSize = 4096
                $0.maximumPageCount = 40
            }, configuration
        ) { fixture in
            let big = String(repeating: "x", count: 40_000)
            fixture.source.feed([incoming(1, body: "1" + big)])
            await fixture.waitForAcknowledgement(1)
            fixture.source.feed(
                (2...5).map { incoming($0, body: "\($0)" + big) }
                    + [incoming(6, malformed: MalformedMessage(.notJSON, "no"))])
            let events = await fixture.log.wait {
                $0.contains { if case .state(.storeFails) = $0 { true } else { false } }
            }
            #expect(IntakeFixture.acknowledged(events) == [1])
            // Given back one by one, and only after no more of them are sent.
            #expect(
                events.dropLast().suffix(6) == [
                    .paused, .rejected(2), .rejected(3), .rejected(4), .rejected(5), .rejected(6),
                ])
            guard case .storeFails(let error) = fixture.intake.state else {
                Issue.record("the state is \(fixture.intake.state)")
                return
            }
            #expect(error.code == .diskFull)
            #expect(fixture.store.levels.unfinished == 1)
            _ = try await fixture.store.write { try $0.finish(JournalID(1), outcome: .succeeded) }
            await fixture.clock.sleeper(for: .seconds(1))
            fixture.clock.advance(by: .seconds(1))
            await fixture.log.wait { $0.contains(.resumed) }
            fixture.source.feed([incoming(2, body: "2" + big, redelivered: true)])
            await fixture.log.wait { $0.filter { if case .enqueued = $0 { true } else { false } }.count == 2 }
            #expect(fixture.acknowledged == [1, 2])
        }
    }

    @Test("cancelled in the middle, what is being written is finished, acknowledged and handed on")
    func shutdown() async throws {
        try await IntakeFixture.run { fixture in
            // The fixture cancels as soon as this returns; the batch may be anywhere on its way then.
            fixture.source.feed((1...50).map { incoming($0) })
            await fixture.log.wait { $0.contains(.state(.consuming)) }
            return fixture
        }.expectConsistency()
    }

    @Test("old finished rows are forgotten while requests come in")
    func prunes() async throws {
        try await IntakeFixture.run(IntakeConfiguration(highWater: 5000, finishedRows: 10)) { fixture in
            fixture.source.feed((1...1100).map { incoming($0) })
            await fixture.waitForAcknowledgement(1100)
            try await fixture.store.write { transaction in
                for id in 1...1050 { _ = try transaction.finish(JournalID(Int64(id)), outcome: .succeeded) }
            }
            fixture.source.feed([incoming(1101)])
            await fixture.waitForAcknowledgement(1101)
            #expect(fixture.store.levels.finished == 50)
            #expect(fixture.store.levels.unfinished == 51)
        }
    }
}

extension IntakeFixture {
    /// After the end: acknowledged, handed on and journaled are the same messages.
    func expectConsistency() {
        #expect(acknowledged.count == work.received.count)
        #expect(store.levels.unfinished == work.received.count)
        #expect(intake.state == .stopped)
    }
}
