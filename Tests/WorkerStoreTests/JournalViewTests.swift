// SPDX-License-Identifier: Apache-2.0

import ComputeModel
import Foundation
import GRDB
import Testing

@testable import WorkerStore

@Suite("The operator's view of the journal", .timeLimit(.minutes(1)))
struct JournalViewTests {
    @Test("it shows what a running worker has committed, rows as they go on, and never a body")
    func besideWorker() async throws {
        try await withStore { store, path in
            let ids = try await store.write { transaction in
                try (0..<3).map { number in
                    try accepted(
                        transaction.accept(
                            newEntry(
                                "\(number)", body: Array("s3cret".utf8), reply: number == 1 ? .messageID("m") : nil)))
                }
            }
            let view = try JournalView.open(directory: path)
            #expect(try view.unfinished().map(\.id) == ids)
            #expect(try view.unfinished(after: ids[0], limit: 1).map(\.id) == [ids[1]])
            #expect(try view.unfinished().map(\.expectsReply) == [false, true, false])
            #expect(!String(describing: try view.unfinished()).contains("s3cret"))
            try await store.write { transaction in
                try transaction.checkpoint(ids[1], step: Array(#"{"spawn":1}"#.utf8))
                try transaction.countAttempt(ids[1], lastError: "no room")
                try transaction.wishCancelled(ids[2])
                try transaction.register(kind: "domain", name: "a", for: instanceA)
                try transaction.finish(ids[0], outcome: .failed, error: "why")
            }
            let line = try #require(try view.line(ids[1]))
            #expect(line.step == #"{"spawn":1}"#)
            #expect(line.attempts == 1 && line.lastError == "no room")
            #expect(line.method == "reboot_instance" && line.requestID == "req-1" && line.instance == instanceA)
            #expect(line.receivedAt == Timestamp(microseconds: 1_000_000) && line.finishedAt == nil)
            #expect(try view.line(ids[2])?.isCancelled == true)
            #expect(try view.finished().map(\.id) == [ids[0]])
            #expect(try view.finished().first?.outcome == .failed)
            #expect(try view.line(JournalID(99)) == nil)
            #expect(try view.resources(of: instanceA).map(\.kind) == ["domain"])
            #expect(try view.counts().unfinished == 2)
        }
    }

    @Test("it opens without a worker, after an end and after a crash, and leaves what it looks at to the next worker")
    func withoutWorker() async throws {
        try await withDirectory { path in
            try await reopening(path) { store in
                _ = try await store.accept(newEntry("a"))
                let (main, log) = ("\(path)/worker.sqlite", "\(path)/worker.sqlite-wal")
                try await withDirectory { copy in
                    try FileManager.default.createDirectory(atPath: copy, withIntermediateDirectories: true)
                    try FileManager.default.copyItem(atPath: main, toPath: "\(copy)/worker.sqlite")
                    try FileManager.default.copyItem(atPath: log, toPath: "\(copy)/worker.sqlite-wal")
                    #expect(try JournalView.open(directory: copy).unfinished().count == 1)
                    try await reopening(copy) { #expect($0.levels.unfinished == 1) }
                }
            }
            #expect(try JournalView.open(directory: path).unfinished().map(\.uniqueID) == ["a"])
            try await reopening(path) { #expect($0.levels.unfinished == 1) }
        }
    }

    @Test("where there is no journal, and where a newer worker wrote it, it says so")
    func refused() async throws {
        try await withDirectory { path in
            #expect(throws: StoreError.self) { try JournalView.open(directory: path) }
            try await reopening(path) { store in
                try await store.write { try $0.database.execute(sql: "PRAGMA user_version = 99") }
            }
            let error = #expect(throws: StoreError.self) { try JournalView.open(directory: path) }
            #expect(error?.code == .newerSchema)
        }
    }
}
