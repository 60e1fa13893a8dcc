// SPDX-License-Identifier: Apache-2.0

import ComputeModel
import Foundation
import GRDB
import Testing

@testable import WorkerStore

@Suite("The commit pump", .timeLimit(.minutes(1)))
struct CommitTests {
    private struct Refused: Error, Equatable { let number: Int }

    @Test("when a write returns, a crash can't take it back, nor part of what is still waiting")
    func durable() async throws {
        try await withStore { store, path in
            for number in 0..<5 {
                _ = try await store.accept(newEntry("\(number)", body: [UInt8(number)]))
                try await afterCrash(of: path) { other in
                    let rows = try await other.read { try $0.unfinished(limit: 10) }
                    #expect(rows.map(\.body) == (0...number).map { [UInt8($0)] })
                    #expect(
                        try await other.accept(newEntry("\(number)"))
                            == .duplicate(of: rows[number].id, finished: false))
                }
            }
        }
    }

    @Test("many writers share few commits")
    func groups() async throws {
        try await withStore { store, _ in
            let before = store.levels.commits
            try await withThrowingTaskGroup(of: Void.self) { group in
                for number in 0..<500 {
                    group.addTask { _ = try await store.accept(newEntry("\(number)")) }
                }
                try await group.waitForAll()
            }
            let commits = store.levels.commits - before
            #expect(store.levels.unfinished == 500)
            #expect(commits < 250, "500 writes took \(commits) commits")
        }
    }

    @Test("a closure that fails takes back its own changes and leaves those of its commit alone")
    func savepoints() async throws {
        try await withManualPump { pump, writer, levels, path in
            async let outcomes = withTaskGroup(of: (Int, Result<JournalID, any Error>).self) { group in
                for number in 0..<6 {
                    group.addTask {
                        do {
                            let id = try await pump.write { transaction in
                                let acceptance = try transaction.accept(newEntry("\(number)"))
                                try transaction.enqueue(newMessage("k"))
                                if number % 2 == 1 { throw Refused(number: number) }
                                return try accepted(acceptance)
                            }
                            return (number, .success(id))
                        } catch {
                            return (number, .failure(error))
                        }
                    }
                }
                return await group.reduce(into: [:]) { $0[$1.0] = $1.1 }
            }
            await pump.waitForJobs(6)
            #expect(pump.commitPending())
            let all = await outcomes
            for number in 0..<6 {
                switch try #require(all[number]) {
                case .success: #expect(number % 2 == 0)
                case .failure(let error): #expect(error as? Refused == Refused(number: number))
                }
            }
            #expect(
                levels.levels
                    == StoreLevels(unfinished: 3, outbox: 3, lastOutboxID: levels.levels.lastOutboxID, commits: 1))
            let ids = all.values.compactMap { try? $0.get().value }
            #expect(Set(ids).count == 3)
            #expect(writer.levels.unfinished == 3)
            // Memory and disk agree: the rows of those that failed are gone, too.
            try await afterCrash(of: path) { other in
                let rows = try await other.read { try $0.unfinished(limit: 9) }
                #expect(Set(rows.compactMap(\.uniqueID)) == ["0", "2", "4"])
                #expect(other.levels.outbox == 3)
                // What failed is no repeat, what succeeded is one.
                _ = try accepted(try await other.accept(newEntry("1")))
            }
            async let again = pump.write { try $0.accept(newEntry("1")) }
            async let repeated = pump.write { try $0.accept(newEntry("2")) }
            await pump.waitForJobs(2)
            pump.commitPending()
            _ = try accepted(try await again)
            guard case .duplicate = try await repeated else {
                Issue.record("a repeat was taken for a new message")
                return
            }
        }
    }

    @Test("a commit that fails fails every closure in it, keeps nothing, and the next one works")
    func fullDisk() async throws {
        try await withStore({
            $0.pageSize = 4096
            $0.maximumPageCount = 60
        }) { store, path in
            let big = [UInt8](repeating: 7, count: 20_000)
            var taken: [JournalID] = []
            var failure: StoreError?
            for number in 0..<40 {
                do {
                    taken.append(try accepted(try await store.accept(newEntry("\(number)", body: big))))
                } catch let error as StoreError {
                    failure = error
                    break
                }
            }
            let error = try #require(failure)
            #expect(error.code == .diskFull)
            #expect(error.isRetriable)
            #expect(taken.count > 3)
            #expect(store.levels.unfinished == taken.count)
            // What was not taken is not known either: once there is room, it is no repeat.
            let id = taken[0]
            _ = try await store.write { try $0.finish(id, outcome: .succeeded) }
            _ = try accepted(try await store.accept(newEntry("\(taken.count)", body: big)))
            let kept = taken.count
            try await afterCrash(of: path) { #expect($0.levels.unfinished == kept) }
        }
    }

    @Test("what a full disk refuses to one closure is not lost to the others of its commit in silence")
    func fullDiskInGroup() async throws {
        try await withStore({
            $0.pageSize = 4096
            $0.maximumPageCount = 60
        }) { store, path in
            let outcomes = await withTaskGroup(of: (Int, Bool).self) { group in
                for number in 0..<60 {
                    group.addTask {
                        let size = number % 3 == 0 ? 30_000 : 10
                        let entry = newEntry("\(number)", body: [UInt8](repeating: 1, count: size))
                        do {
                            _ = try await store.accept(entry)
                            return (number, true)
                        } catch {
                            return (number, false)
                        }
                    }
                }
                return await group.reduce(into: [Int: Bool]()) { $0[$1.0] = $1.1 }
            }
            #expect(outcomes.values.contains(false))
            let kept = Set(outcomes.filter(\.value).keys.map { "\($0)" })
            try await afterCrash(of: path) { other in
                let rows = try await other.read { try $0.unfinished(limit: 100) }
                #expect(Set(rows.compactMap(\.uniqueID)) == kept)
            }
        }
    }

    @Test("a cancelled task's write is carried out all the same")
    func cancellation() async throws {
        try await withStore { store, _ in
            let task = Task { try await store.accept(newEntry("a")) }
            task.cancel()
            _ = try accepted(try await task.value)
            #expect(store.levels.unfinished == 1)
        }
    }

    @Test("closing writes what is queued")
    func closing() async throws {
        try await withDirectory { path in
            let store = try WorkerStore(StoreConfiguration(directory: path, strikeDelay: .seconds(3600)))
            let ids = try await store.write { transaction in
                try (0..<3).map { _ in try transaction.enqueue(newMessage("k")) }
            }
            store.strikeSoon(Array(ids[..<2]))
            await store.close()
            try await reopening(path) { store in
                let left = try await store.read { try $0.outbox(limit: 9) }
                #expect(left.map(\.id) == [ids[2]])
            }
        }
    }

    @Test("strikes ride on the next commit, or go by themselves after the delay")
    func strikes() async throws {
        try await withStore({ $0.strikeDelay = .seconds(3600) }) { store, _ in
            let ids = try await store.write { transaction in
                try (0..<3).map { _ in try transaction.enqueue(newMessage("k")) }
            }
            let before = store.levels.commits
            store.strikeSoon([ids[0]])
            store.strikeSoon([ids[2]])
            _ = try await store.accept(newEntry("a"))
            #expect(store.levels.commits == before + 1)
            #expect(store.levels.outbox == 1)
            #expect(try await store.read { try $0.outbox(limit: 9) }.map(\.id) == [ids[1]])
        }
        try await withStore({ $0.strikeDelay = .milliseconds(1) }) { store, _ in
            let id = try await store.write { try $0.enqueue(newMessage("k")) }
            store.strikeSoon([id])
            #expect(await store.wait(until: { $0.outbox == 0 }))
        }
    }

    @Test("who waits for a level is told by the commit that reaches it, or sent away when cancelled")
    func levels() async throws {
        try await withStore { store, _ in
            async let reached = store.wait(until: { $0.unfinished >= 2 })
            _ = try await store.accept(newEntry("a"))
            _ = try await store.accept(newEntry("b"))
            #expect(await reached)
            let waiting = Task { await store.wait(until: { $0.unfinished > 1000 }) }
            waiting.cancel()
            #expect(await waiting.value == false)
        }
    }
}

/// A pump without a thread: the test says when it commits.
private func withManualPump(
    isolation: isolated (any Actor)? = #isolation,
    _ body: (CommitPump, Writer, LevelWatch, String) async throws -> Void
) async throws {
    try await withDirectory { path in
        let configuration = StoreConfiguration(directory: path)
        let directory = try StateDirectory(path: path)
        let writer = try DatabaseOpening(configuration: configuration, directory: directory).openWriter()
        let levels = LevelWatch(writer.levels)
        let pump = CommitPump(writer: writer, strikeDelay: .seconds(1), levels: levels)
        try await body(pump, writer, levels, path)
        try writer.close()
    }
}

extension CommitPump {
    fileprivate func write<Value: Sendable>(
        _ body: @escaping @Sendable (borrowing StoreTransaction) throws -> Value
    ) async throws -> Value {
        try await withCheckedThrowingContinuation { submit(WaitingWrite(body: body, continuation: $0)) }
    }

    /// Yields until so many jobs are queued.
    fileprivate func waitForJobs(_ count: Int) async { while queued.jobs < count { await Task.yield() } }
}
