// SPDX-License-Identifier: Apache-2.0

import ComputeModel
import Foundation
import Synchronization
import Testing

@testable import WorkerStore

@Suite("A store that its owner drives", .timeLimit(.minutes(1)))
struct DrivenStoreTests {
    @Test("nothing happens until its owner says so, and then on its thread")
    func nothingByItself() async throws {
        try await withDriven { store, calls, _ in
            let here = Threads()
            async let id = store.write { transaction in
                here.note()
                return try accepted(transaction.accept(newEntry("a")))
            }
            await store.waitFor { $0.writes == 1 }
            #expect(calls.withLock { $0 } == 1)
            #expect(store.levels.unfinished == 0)
            drive(store, here)
            _ = try await id
            async let rows = store.read { snapshot in
                here.note()
                return try snapshot.unfinished(limit: 9)
            }
            await store.waitFor { $0.reads == 1 }
            drive(store, here)
            let count = try await rows.count
            #expect(count == 1)
            store.strikeSoon([OutboxID(1)])
            #expect(store.pendingWork == StoreWork(strikes: 1))
            #expect(calls.withLock { $0 } == 3)
            drive(store, here)
            #expect(store.pendingWork.isEmpty)
            #expect(!store.readNext())
        }
    }

    /// Drives on the present thread, and checks that all that was run ran on it.
    private func drive(_ store: WorkerStore, _ threads: Threads) {
        store.commitPending()
        while store.readNext() {}
        #expect(threads.taken().allSatisfy { $0 == Threads.present })
    }

    @Test("abandoned, it fails what waits, writes nothing and leaves the log as a crash would")
    func abandoned() async throws {
        try await withDriven { store, _, path in
            async let kept = store.accept(newEntry("kept"))
            await store.waitFor { $0.writes == 1 }
            store.commitPending()
            _ = try await kept
            let log = try Data(contentsOf: URL(fileURLWithPath: "\(path)/worker.sqlite-wal"))
            #expect(log.count > 0)
            async let lost = failure { _ = try await store.accept(newEntry("lost")) }
            async let unread = failure { _ = try await store.read { try $0.unfinished(limit: 9) } }
            async let level = store.wait(until: { $0.unfinished > 5 })
            await store.waitFor { $0.writes == 1 && $0.reads == 1 }
            store.abandon()
            #expect(await lost == .closed)
            #expect(await unread == .closed)
            #expect(await level == false)
            #expect(await failure { _ = try await store.accept(newEntry("late")) } == .closed)
            let left = try Data(contentsOf: URL(fileURLWithPath: "\(path)/worker.sqlite-wal"))
            #expect(left == log)
        } afterwards: { path in
            try await reopening(path) { store in
                let rows = try await store.read { try $0.unfinished(limit: 9) }
                #expect(rows.compactMap(\.uniqueID) == ["kept"])
            }
        }
    }

    @Test("closed, it writes what waits on the caller's thread")
    func closed() async throws {
        try await withDriven { store, _, _ in
            async let id = store.accept(newEntry("a"))
            async let rows = store.read { try $0.unfinished(limit: 9) }
            await store.waitFor { $0.writes == 1 && $0.reads == 1 }
            await store.close()
            await store.close()
            _ = try await id
            _ = try await rows
        } afterwards: { path in
            try await reopening(path) { #expect($0.levels.unfinished == 1) }
        }
    }

    private func withDriven(
        _ body: (WorkerStore, borrowing Mutex<Int>, String) async throws -> Void,
        afterwards: (String) async throws -> Void = { _ in }
    ) async throws {
        try await withDirectory { path in
            let calls = Calls()
            do {
                var configuration = StoreConfiguration(directory: path, strikeDelay: .zero)
                configuration.threads = .driven
                configuration.onWork = { calls.count.withLock { $0 += 1 } }
                let store = try WorkerStore(configuration)
                try await body(store, calls.count, path)
                await store.close()
            }
            try await afterwards(path)
        }
    }

    private final class Calls: Sendable {
        let count = Mutex(0)
    }
}

/// The code with which `body` fails; nil where it doesn't.
private func failure(_ body: () async throws -> Void) async -> StoreError.Code? {
    do {
        try await body()
        return nil
    } catch {
        return (error as? StoreError)?.code
    }
}

/// The threads on which something ran.
private final class Threads: Sendable {
    private let ids = Mutex<[UInt]>([])

    static var present: UInt { UInt(pthread_self()) }

    func note() { ids.withLock { $0.append(Self.present) } }

    func taken() -> [UInt] {
        ids.withLock { ids in
            defer { ids = [] }
            return ids
        }
    }
}

extension WorkerStore {
    /// Yields until what waits is as `condition` says; for closures that other tasks are about to queue.
    fileprivate func waitFor(_ condition: (StoreWork) -> Bool) async {
        while !condition(pendingWork) { await Task.yield() }
    }
}
