// SPDX-License-Identifier: Apache-2.0

@testable import ComputeManager
import ComputeModel
import Testing
import WorkerStore

@Suite("The intake of a host whose guests' disks have no room", .timeLimit(.minutes(1)))
struct IntakeRoomTests {
    /// What was handed on: each time, the numbers of the messages by their bodies.
    private static func handedOn(_ fixture: IntakeFixture) -> [UInt64] {
        fixture.work.received.compactMap { entry in
            entry.body.flatMap { body in
                UInt64(String(decoding: body, as: UTF8.self).filter(\.isNumber))
            }
        }
    }

    private static func handOvers(_ events: [IntakeEvent]) -> Int {
        events.filter { if case .enqueued = $0 { true } else { false } }.count
    }

    @Test("what needs room is neither journaled nor acknowledged, the rest goes on; with room it is let go in order")
    func holds() async throws {
        try await IntakeFixture.run(isFull: true) { fixture in
            fixture.source.feed([
                incoming(1, "run_instance", of: 1), incoming(2, "reboot_instance", of: 2),
                incoming(3, "snapshot_instance", of: 3), incoming(4, "terminate_instance", of: 4),
                incoming(5, "rebuild_instance", of: 5),
            ])
            await fixture.waitForAcknowledgement(2, 4)
            await fixture.log.wait { Self.handOvers($0) == 1 }
            #expect(fixture.intake.heldCount == 3)
            #expect(fixture.store.levels.unfinished == 2)
            #expect(fixture.intake.state == .consuming)
            #expect(fixture.acknowledged == [2, 4])

            fixture.room.report(isFull: false)
            await fixture.waitForAcknowledgement(1, 3, 5)
            await fixture.log.wait { Self.handOvers($0) == 2 }
            #expect(Self.handedOn(fixture) == [2, 4, 1, 3, 5])
            let isClear = fixture.log.events.allSatisfy { if case .rejected = $0 { false } else { true } }
            #expect(isClear, "nothing goes back to the broker while the worker serves")
            try await fixture.intake.letGo()
            #expect(fixture.intake.heldCount == 0)
        }
    }

    @Test(
        "a delete takes along what is held of its instance, before it and in one commit; other instances' stays",
        arguments: [true, false])
    func delete(inOneBatch: Bool) async throws {
        try await IntakeFixture.run(isFull: true) { fixture in
            let builds = [incoming(1, "run_instance", of: 1), incoming(2, "run_instance", of: 2)]
            let delete = [incoming(3, "terminate_instance", of: 1)]
            for batch in inOneBatch ? [builds + delete] : [builds, delete] { fixture.source.feed(batch) }
            await fixture.log.wait { Self.handOvers($0) == 1 }
            // In one hand-over: the lane ends the build for the delete that stands behind it.
            #expect(fixture.log.events.contains(.acknowledged([1, 3])))
            #expect(fixture.log.events.contains(.enqueued([1, 2].map { JournalID($0) })))
            #expect(Self.handedOn(fixture) == [1, 3])
            #expect(fixture.intake.heldCount == 1)
        }
    }

    @Test("what comes later for an instance of which something is held waits behind it; a call takes it along")
    func order() async throws {
        try await IntakeFixture.run(isFull: true) { fixture in
            fixture.source.feed([incoming(1, "run_instance", of: 1), incoming(2, "reboot_instance", of: 1)])
            fixture.source.feed([incoming(3, "reboot_instance", of: 9)])
            await fixture.waitForAcknowledgement(3)
            #expect(fixture.intake.heldCount == 2)
            fixture.source.feed([incoming(4, "reserve_block_device_name", isCall: true, of: 1)])
            await fixture.waitForAcknowledgement(1, 2, 4)
            await fixture.log.wait { Self.handOvers($0) == 2 }
            #expect(Self.handedOn(fixture) == [3, 1, 2, 4])
            // One that needs room itself is not held either: its caller hears what becomes of it.
            fixture.source.feed([incoming(5, "snapshot_instance", isCall: true, of: 1)])
            await fixture.waitForAcknowledgement(5)
        }
    }

    @Test("no more is held than the bounds allow, in number and in bytes; what comes beyond is taken in, in order")
    func bounds() async throws {
        try await IntakeFixture.run(IntakeConfiguration(heldLimit: 3, heldBytes: 60), isFull: true) { fixture in
            fixture.source.feed((1...5).map { incoming($0, "run_instance", of: $0) })
            await fixture.waitForAcknowledgement(4, 5)
            #expect(fixture.intake.heldCount == 3)
            // Not before what is held of the same instance.
            fixture.source.feed([incoming(6, "snapshot_instance", of: 2)])
            await fixture.waitForAcknowledgement(2, 6)
            let big = "7" + String(repeating: " ", count: 60)
            fixture.source.feed([incoming(7, "run_instance", body: big, of: 7)])
            await fixture.waitForAcknowledgement(7)
            await fixture.log.wait { Self.handOvers($0) == 3 }
            #expect(Self.handedOn(fixture) == [4, 5, 2, 6, 7])
            #expect(fixture.intake.heldCount == 2)
        }
    }

    @Test("what is held longer than its operation may wait is let go by the next look, with what came before it")
    func age() async throws {
        let limits = try #require(AgeLimits(["snapshot_instance:60"]))
        try await IntakeFixture.run(IntakeConfiguration(ageLimits: limits), isFull: true) { fixture in
            fixture.source.feed([
                incoming(1, "run_instance", of: 1), incoming(2, "snapshot_instance", of: 1),
                incoming(3, "reboot_instance", of: 1), incoming(4, "run_instance", of: 2),
                incoming(5, "reboot_instance", of: 3),
            ])
            await fixture.waitForAcknowledgement(5)
            fixture.wallClock.advance(bySeconds: 61)
            fixture.room.report(isFull: true)
            await fixture.waitForAcknowledgement(1, 2)
            await fixture.log.wait { Self.handOvers($0) == 2 }
            #expect(Self.handedOn(fixture) == [5, 1, 2])
            #expect(fixture.work.received[1].receivedAt < fixture.wallClock.now())
            try await fixture.intake.letGo()
            #expect(fixture.intake.heldCount == 2)
        }
    }

    @Test("after a reconnect only what the broker brings again is held, and each is done once")
    func reconnect() async throws {
        try await IntakeFixture.run(isFull: true) { fixture in
            fixture.source.feed([
                incoming(1, "run_instance", id: "a", of: 1), incoming(2, "run_instance", id: "b", of: 2),
                incoming(3, of: 3),
            ])
            await fixture.waitForAcknowledgement(3)
            #expect(fixture.intake.heldCount == 2)
            fixture.source.feed([
                incoming(11, "run_instance", id: "a", redelivered: true, connection: 2, of: 1),
                incoming(12, "run_instance", id: "b", redelivered: true, connection: 2, of: 2),
                incoming(13, of: 3),
            ])
            await fixture.waitForAcknowledgement(13)
            #expect(fixture.intake.heldCount == 2)
            fixture.room.report(isFull: false)
            await fixture.waitForAcknowledgement(11, 12)
            #expect(!fixture.acknowledged.contains(1))
            // Let go while the connection is away, and brought again by the next one: a repeat.
            fixture.source.feed([incoming(21, "run_instance", id: "a", redelivered: true, connection: 3, of: 1)])
            await fixture.waitForAcknowledgement(21)
            await fixture.log.wait { Self.handOvers($0) == 3 }
            #expect(fixture.store.levels.unfinished == 4)
        }
    }

    @Test("a store that fails while something is let go holds it until the next look")
    func storeFails() async throws {
        try await IntakeFixture.run(
            store: {
                $0.pageSize = 4096
                $0.maximumPageCount = 40
            }, isFull: true
        ) { fixture in
            let big = String(repeating: "x", count: 40_000)
            fixture.source.feed([incoming(1, body: "1" + big)] + (2...5).map {
                incoming($0, "run_instance", body: "\($0)" + big, of: $0)
            })
            await fixture.waitForAcknowledgement(1)
            fixture.room.report(isFull: false)
            try await fixture.intake.letGo()
            #expect(fixture.intake.heldCount == 4)
            #expect(fixture.acknowledged == [1])
            // The intake looks by itself as well, and what shares a commit with what has no room fails with it.
            while true {
                do {
                    _ = try await fixture.store.write { try $0.finish(JournalID(1), outcome: .succeeded) }
                    break
                } catch let error as StoreError where error.isRetriable {}
            }
            // As many as there is room for come with what shares their instance.
            fixture.source.feed([incoming(6, "terminate_instance", of: 3)])
            await fixture.waitForAcknowledgement(3, 6)
            #expect(fixture.intake.heldCount == 3)
        }
    }

    @Test("a stop gives back what is held, so that it waits for nothing")
    func stop() async throws {
        let fixture = try await IntakeFixture.run(isFull: true) { fixture in
            fixture.source.feed([incoming(1, "run_instance", of: 1), incoming(2, of: 2)])
            await fixture.waitForAcknowledgement(2)
            fixture.source.close()
            await fixture.log.wait { $0.contains(.rejected(1)) }
            return fixture
        }
        #expect(fixture.intake.heldCount == 0)
        #expect(fixture.store.levels.unfinished == 1)
    }
}
