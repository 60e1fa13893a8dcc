// SPDX-License-Identifier: Apache-2.0

import ComputeModel
import SimulatedDisk
import Testing

@testable import WorkerStore

@Suite("The write-ahead log that a crash leaves", .timeLimit(.minutes(2)))
struct LogInspectionTests {
    private static let path = "/journal/worker.sqlite-wal"

    @Test("one bit of it turned over takes back no commit, wherever the bit is")
    func anyBit() async throws {
        let disk = try await crashed(commits: 3)
        let files = disk.paths.compactMap { path in disk.contents(of: path).map { (path, $0) } }
        let size = try #require(disk.size(of: Self.path))
        var mended = 0
        // Every byte of the headers, and every 7th of the rest; each bit in its turn.
        for offset in 0..<size where offset < 100 || offset % 11 == 0 {
            for (path, bytes) in files { disk.put(bytes, at: path) }
            disk.flipBit(in: Self.path, at: offset, bit: offset % 8)
            let report = try LogInspection.run(database: "/journal/worker.sqlite", fileSystem: disk.name)
            #expect(report.mendedBits <= 1)
            #expect(report.frames * 536 + 32 == size, "byte \(offset) of \(size)")
            #expect(report.droppedBytes == 0)
            if disk.contents(of: Self.path) == files.first(where: { $0.0 == Self.path })?.1 { mended += 1 }
        }
        // The high bits of a page's words can't be told apart: those are left to the sums of the rows.
        #expect(mended > size / 50, "\(mended) logs were put right to the bit")
    }

    @Test("what is behind the last whole commit is dropped, and said")
    func tornTail() async throws {
        let disk = try await crashed(commits: 3)
        let whole = try #require(disk.contents(of: Self.path))
        for lost in [1, 100, 536, 600] {
            disk.put(Array(whole.dropLast(lost)), at: Self.path)
            let report = try LogInspection.run(database: "/journal/worker.sqlite", fileSystem: disk.name)
            #expect(report.mendedBits == 0)
            #expect(report.droppedBytes > 0)
            #expect(report.frames * 536 + 32 + report.droppedBytes == whole.count - lost)
        }
        let store = try drivenStore(on: disk)
        #expect(store.levels.unfinished == 2)
        #expect(store.log.droppedBytes > 0)
        store.abandon()
    }

    @Test("a commit whose sync failed is no ground for later ones to stand on: a power cut takes none of them")
    func failedSync() async throws {
        for seed in UInt64(0)..<8 {
            await Task.yield()
            let disk = try await crashed(commits: 2)
            var store = try drivenStore(on: disk)
            _ = try await store.accept(newEntry("before"))
            disk.failNext(.sync)
            await #expect(throws: StoreError.self) { _ = try await store.accept(newEntry("doubtful")) }
            disk.crash(.process)
            store.abandon()
            store = try drivenStore(on: disk)
            _ = try await store.accept(newEntry("doubtful"))
            _ = try await store.accept(newEntry("after"))
            disk.crash(.power(seed: seed))
            store.abandon()
            store = try drivenStore(on: disk)
            let names = try await store.read { try $0.unfinished(limit: 99) }.compactMap(\.uniqueID)
            #expect(names == ["0", "1", "before", "doubtful", "after"], "seed \(seed)")
            store.abandon()
        }
    }

    @Test("a log that can't be written anew is no ground to begin on")
    func failingDisk() async throws {
        let disk = try await crashed(commits: 1)
        disk.failNext(.sync)
        let error = #expect(throws: StoreError.self) { try drivenStore(on: disk) }
        #expect(error?.code == .inputOutput)
        let store = try drivenStore(on: disk)
        #expect(store.levels.unfinished == 1)
        store.abandon()
    }

    /// A disk as it is after a crash, with so many commits in the log.
    private func crashed(commits: Int) async throws -> SimulatedDisk {
        let disk = try #require(SimulatedDisk())
        await (try drivenStore(on: disk)).close()
        let store = try drivenStore(on: disk)
        for number in 0..<commits { _ = try await store.accept(newEntry("\(number)", body: [1, 2, 3])) }
        disk.crash(.process)
        store.abandon()
        return disk
    }
}
