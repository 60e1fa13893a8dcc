// SPDX-License-Identifier: Apache-2.0

import ComputeModel
import Testing

@testable import WorkerStore

@Suite("Equal messages without an id")
struct RepeatedContentTests {
    private let body = Array("{\"method\": \"reboot_instance\"}".utf8)

    private func offer(_ store: WorkerStore, redelivered: Bool, on connection: UInt64) async throws -> Bool {
        let acceptance = try await store.accept(
            newEntry(nil, body: body, redelivered: redelivered, connection: connection))
        if case .accepted = acceptance { return true }
        return false
    }

    private func expect(
        _ store: WorkerStore, redelivered: Bool, on connection: UInt64, isNew: Bool,
        at location: SourceLocation = #_sourceLocation
    ) async throws {
        let outcome = try await offer(store, redelivered: redelivered, on: connection)
        #expect(outcome == isNew, sourceLocation: location)
    }

    @Test(
        "of two that were under way when the connection went, each is done once, however many were journaled",
        arguments: 0...2)
    func lostConnection(journaled: Int) async throws {
        try await withStore { store, _ in
            for _ in 0..<journaled { try await expect(store, redelivered: false, on: 1, isNew: true) }
            // Both come again, twice even: the second connection goes too.
            for connection: UInt64 in 2...3 {
                _ = try await offer(store, redelivered: true, on: connection)
                _ = try await offer(store, redelivered: true, on: connection)
            }
            #expect(store.levels.unfinished == 2)
        }
    }

    @Test("the same over a restart", arguments: 0...2)
    func restart(journaled: Int) async throws {
        try await withDirectory { path in
            try await reopening(path) { store in
                for _ in 0..<journaled { try await expect(store, redelivered: false, on: 1, isNew: true) }
            }
            for _ in 0..<2 {
                try await reopening(path) { store in
                    _ = try await offer(store, redelivered: true, on: 1)
                    _ = try await offer(store, redelivered: true, on: 1)
                    #expect(store.levels.unfinished == 2)
                }
            }
        }
    }

    @Test("what a pause gives back unjournaled is new, though its words are known from the same connection")
    func pause() async throws {
        try await withStore { store, _ in
            try await expect(store, redelivered: false, on: 1, isNew: true)
            try await expect(store, redelivered: true, on: 1, isNew: true)
            try await expect(store, redelivered: true, on: 2, isNew: false)
            try await expect(store, redelivered: true, on: 2, isNew: false)
            try await expect(store, redelivered: true, on: 2, isNew: true)
            #expect(store.levels.unfinished == 3)
        }
    }

    @Test("a repeat whose commit failed may come again; what is forgotten is new")
    func undone() async throws {
        struct Refused: Error {}
        try await withStore { store, _ in
            let id = try accepted(try await store.accept(newEntry(nil, body: body)))
            let repeated = newEntry(nil, body: body, redelivered: true, connection: 2)
            await #expect(throws: Refused.self) {
                try await store.write { transaction in
                    let acceptance = try transaction.accept(repeated)
                    #expect(acceptance == .duplicate(of: id, finished: false))
                    throw Refused()
                }
            }
            #expect(try await store.accept(repeated) == .duplicate(of: id, finished: false))
            _ = try await store.write { transaction in
                try transaction.finish(id, outcome: .succeeded)
                return try transaction.prune(finishedBefore: Timestamp(microseconds: .max), keepingAtMost: 0)
            }
            try await expect(store, redelivered: true, on: 3, isNew: true)
        }
    }
}
