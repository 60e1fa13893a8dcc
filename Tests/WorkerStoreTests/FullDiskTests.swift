// SPDX-License-Identifier: Apache-2.0

import ComputeModel
import SimulatedDisk
import Testing

@testable import WorkerStore

@Suite("A full disk", .timeLimit(.minutes(1)))
struct FullDiskTests {
    @Test("nothing is acknowledged that is not kept, and work goes on by itself when there is room again")
    func comesBack() async throws {
        let disk = try #require(SimulatedDisk())
        var store = try drivenStore(on: disk)
        disk.capacity = disk.bytesUsed + 40_000
        let big = [UInt8](repeating: 7, count: 3000)
        var kept: [String] = []
        var refused = 0
        for number in 0..<40 {
            do {
                _ = try accepted(try await store.accept(newEntry("\(number)", body: big)))
                kept.append("\(number)")
            } catch let error as StoreError {
                #expect(error.code == .diskFull && error.isRetriable)
                refused += 1
            }
        }
        #expect(kept.count > 3 && refused > 3)
        #expect(store.levels.unfinished == kept.count)
        await #expect(throws: StoreError.self) {
            let name = String(repeating: "x", count: 4000)
            try await store.write { try $0.register(kind: "domain", name: name, for: instanceA) }
        }
        disk.capacity = nil
        try await store.probe()
        _ = try accepted(try await store.accept(newEntry("after", body: big)))
        disk.crash(.power(seed: 1))
        store.abandon()
        store = try drivenStore(on: disk)
        let rows = try await store.read { try $0.unfinished(limit: 99) }
        #expect(rows.compactMap(\.uniqueID) == kept + ["after"])
        store.abandon()
    }

    @Test("a log that has filled the disk by itself is copied back, and its room used again")
    func logIsReused() async throws {
        let disk = try #require(SimulatedDisk())
        var store = try drivenStore(on: disk)
        // The database has pages to spare, as one that has worked for a while has.
        let id = try accepted(try await store.accept(newEntry("big", body: [UInt8](repeating: 1, count: 50_000))))
        _ = try await store.write { try $0.finish(id, outcome: .succeeded) }
        await store.close()
        // Never of itself: the log grows until the disk is full.
        store = try drivenStore(on: disk) { $0.checkpointBytes = 1 << 30 }
        disk.capacity = disk.bytesUsed + 60_000
        var failures = 0
        for number in 0..<200 {
            do {
                let id = try accepted(try await store.accept(newEntry("\(number)", body: [1, 2, 3])))
                _ = try await store.write { transaction in
                    try transaction.finish(id, outcome: .succeeded)
                    try transaction.prune(finishedBefore: Timestamp(microseconds: .min), keepingAtMost: 5)
                }
            } catch {
                failures += 1
            }
        }
        #expect(failures > 0 && failures < 40, "\(failures) of 200 found no room")
        store.abandon()
    }
}
