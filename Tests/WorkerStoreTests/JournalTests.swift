// SPDX-License-Identifier: Apache-2.0

import ComputeModel
import Foundation
import Testing

@testable import WorkerStore

@Suite("The journal", .timeLimit(.minutes(1)))
struct JournalTests {
    static let hexID = "0123456789abcdef0123456789abcdef"

    @Test("a row comes back as it went in, in arrival order, also by another process")
    func roundTrip() async throws {
        try await withDirectory { path in
            let replies: [ReplyAddress?] = [
                nil, .messageID(Self.hexID),
                .replyQueue(name: "reply_\(Self.hexID)", messageID: Self.hexID, heartbeat: 60),
                .replyQueue(name: "reply x", messageID: "m", heartbeat: nil),
            ]
            let ids: [String?] = [Self.hexID, "not-hex", nil, Self.hexID.uppercased()]
            let journalIDs = try await reopening(path) { store in
                try await store.write { transaction in
                    try zip(ids, replies).enumerated().map { number, pair in
                        try accepted(
                            transaction.accept(
                                newEntry(
                                    pair.0, body: [UInt8(number), 0, 255], reply: pair.1,
                                    instance: number == 3 ? nil : instanceB)))
                    }
                }
            }
            try await reopening(path) { store in
                let rows = try await store.read { try $0.unfinished(limit: 10) }
                #expect(rows.map(\.id) == journalIDs)
                #expect(rows.map(\.uniqueID) == ids)
                #expect(rows.map(\.reply) == replies)
                #expect(rows.map(\.body) == (0..<4).map { [UInt8($0), 0, 255] })
                #expect(rows.map(\.instance) == [instanceB, instanceB, instanceB, nil])
                #expect(rows.map(\.form) == [.enveloped, .enveloped, .flat, .enveloped])
                #expect(
                    rows.allSatisfy { $0.operation == "reboot_instance" && $0.requestID == "req-1" && $0.attempts == 0 }
                )
                #expect(rows[0].receivedAt == Timestamp(microseconds: 1_000_000))
                let rest = try await store.read {
                    try $0.unfinished(after: journalIDs[1], limit: 1, carryingBodies: false)
                }
                #expect(rest.map(\.id) == [journalIDs[2]])
                #expect(rest[0].body == nil)
                #expect(try await store.read { try $0.body(of: journalIDs[2]) } == [2, 0, 255])
                #expect(store.levels.unfinished == 4)
            }
        }
    }

    @Test(
        "a redelivered message changes nothing: before it is done, after, and after a restart",
        arguments: [hexID, "other"])
    func repeatByID(id: String) async throws {
        try await withDirectory { path in
            let first = try await reopening(path) { store in
                let first = try accepted(try await store.accept(newEntry(id)))
                #expect(
                    try await store.accept(newEntry(id, body: [9], redelivered: true))
                        == .duplicate(of: first, finished: false))
                #expect(store.levels.unfinished == 1)
                return first
            }
            try await reopening(path) { store in
                #expect(try await store.accept(newEntry(id)) == .duplicate(of: first, finished: false))
                _ = try await store.write { try $0.finish(first, outcome: .succeeded) }
                #expect(try await store.accept(newEntry(id)) == .duplicate(of: first, finished: true))
                #expect(store.levels.unfinished == 0)
                #expect(try await store.accept(newEntry("another")) == .accepted(JournalID(first.value + 1)))
            }
        }
    }

    @Test("a message without an id is a repeat only if it was redelivered and its content is known")
    func repeatByContent() async throws {
        try await withDirectory { path in
            let body = Array("{\"method\": \"start_instance\"}".utf8)
            let (first, second) = try await reopening(path) { store in
                let first = try accepted(try await store.accept(newEntry(nil, body: body, redelivered: true)))
                let second = try accepted(try await store.accept(newEntry(nil, body: body)))
                #expect(first != second)
                #expect(
                    try await store.accept(newEntry(nil, body: body, redelivered: true, connection: 2))
                        == .duplicate(of: second, finished: false))
                _ = try accepted(try await store.accept(newEntry(nil, body: body + [32], redelivered: true)))
                return (first, second)
            }
            #expect(first < second)
            let repeated = try await reopening(path) {
                try await $0.accept(newEntry(nil, body: body, redelivered: true))
            }
            #expect(repeated == .duplicate(of: second, finished: false))
        }
    }

    @Test("what a failed closure accepted is not remembered as seen")
    func failedAcceptIsForgotten() async throws {
        struct Refused: Error {}
        try await withStore { store, _ in
            for id in [Self.hexID, nil] {
                await #expect(throws: Refused.self) {
                    try await store.write { transaction in
                        _ = try transaction.accept(newEntry(id, redelivered: true))
                        throw Refused()
                    }
                }
                _ = try accepted(try await store.accept(newEntry(id, redelivered: true)))
            }
            #expect(store.levels.unfinished == 2)
        }
    }

    @Test("a finished row keeps neither body nor step, in no file of the directory, and ends once")
    func finishScrubs() async throws {
        try await withDirectory { path in
            let secret = "s3cret-pa55word-in-the-body"
            let step = "s3cret-in-the-step"
            try await reopening(path) { store in
                let id = try accepted(try await store.accept(newEntry("a", body: Array(secret.utf8))))
                try await store.write { try $0.checkpoint(id, step: Array(step.utf8)) }
                let before = try files(path)
                #expect(before.contains { $0.range(of: Data(secret.utf8)) != nil })
                #expect(try await store.write { try $0.finish(id, outcome: .failed, error: "no room") })
                #expect(try await store.write { try $0.finish(id, outcome: .succeeded) } == false)
                #expect(try await store.read { try $0.entry(id) } == nil)
                #expect(try await store.read { try $0.body(of: id) } == nil)
                let ended = try #require(try await store.read { try $0.finishedEntry(id) })
                #expect(ended.outcome == .failed)
                #expect(ended.lastError == "no room")
                #expect(store.levels.unfinished == 0)
                #expect(store.levels.finished == 1)
            }
            for contents in try files(path) {
                #expect(contents.range(of: Data(secret.utf8)) == nil)
                #expect(contents.range(of: Data(step.utf8)) == nil)
            }
        }
    }

    @Test("checkpoints and attempts are kept, and refused for rows that are finished or unknown")
    func checkpoints() async throws {
        try await withStore { store, path in
            let id = try accepted(try await store.accept(newEntry("a")))
            try await store.write { transaction in
                try transaction.checkpoint(id, step: [1, 2, 3])
                #expect(try transaction.countAttempt(id) == 1)
                #expect(try transaction.countAttempt(id, lastError: "gone") == 2)
                #expect(try transaction.countAttempt(id) == 3)
            }
            try await afterCrash(of: path) { other in
                let row = try #require(try await other.read { try $0.entry(id) })
                #expect(row.step == [1, 2, 3])
                #expect(row.attempts == 3)
                #expect(row.lastError == "gone")
            }
            _ = try await store.write { try $0.finish(id, outcome: .succeeded) }
            for unknown in [id, JournalID(99)] {
                let first = await #expect(throws: StoreError.self) {
                    try await store.write { try $0.checkpoint(unknown, step: []) }
                }
                #expect(first?.code == .noSuchEntry)
                let second = await #expect(throws: StoreError.self) {
                    _ = try await store.write { try $0.countAttempt(unknown) }
                }
                #expect(second?.code == .noSuchEntry)
            }
        }
    }

    @Test("pruning forgets the oldest finished rows beyond a number or an age, and never an unfinished one")
    func prune() async throws {
        try await withStore({ $0.clock = FixedClock(microseconds: 5_000_000) }) { store, _ in
            var ids: [JournalID] = []
            for number in 0..<10 { ids.append(try accepted(try await store.accept(newEntry("\(number)")))) }
            let finished = ids.dropFirst()
            try await store.write { transaction in
                for id in finished { _ = try transaction.finish(id, outcome: .succeeded) }
            }
            let early = Timestamp(microseconds: 4_000_000)
            #expect(try await store.write { try $0.prune(finishedBefore: early, keepingAtMost: 6) } == 3)
            #expect(store.levels.finished == 6)
            #expect(try await store.accept(newEntry("0")) == .duplicate(of: ids[0], finished: false))
            #expect(try await store.accept(newEntry("4")) == .duplicate(of: ids[4], finished: true))
            _ = try accepted(try await store.accept(newEntry("3")))
            let late = Timestamp(microseconds: 6_000_000)
            #expect(try await store.write { try $0.prune(finishedBefore: late, keepingAtMost: 100, limit: 4) } == 4)
            #expect(try await store.write { try $0.prune(finishedBefore: late, keepingAtMost: 100, limit: 4) } == 2)
            #expect(store.levels.unfinished == 2)
            #expect(store.levels.finished == 0)
        }
    }

    private func files(_ path: String) throws -> [Data] {
        try FileManager.default.contentsOfDirectory(atPath: path).map {
            try Data(contentsOf: URL(fileURLWithPath: "\(path)/\($0)"))
        }
    }
}

struct FixedClock: WallClock {
    let microseconds: Int64

    func now() -> Timestamp { Timestamp(microseconds: microseconds) }
}
