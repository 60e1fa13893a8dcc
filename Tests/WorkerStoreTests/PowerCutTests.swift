// SPDX-License-Identifier: Apache-2.0

import ComputeModel
import GRDB
import SimulatedDisk
import Testing

@testable import WorkerStore

@Suite("Power cuts", .timeLimit(.minutes(3)))
struct PowerCutTests {
    private static let rounds = 5

    @Test("wherever the power goes, what was acknowledged is there, and the store opens by itself", arguments: 0..<2)
    func everyOperation(seed: UInt64) async throws {
        var cut = 0
        var counters: [SimulatedDisk.Counters] = []
        while true {
            let disk = try #require(SimulatedDisk())
            let model = Model()
            disk.cutPower(after: cut)
            // When nothing was cut any more, every operation of the workload has had its turn.
            if try await life(on: disk, model) { break }
            disk.crash(.power(seed: seed &* 1_000_003 &+ UInt64(cut)))
            try await check(disk, model, "cut at operation \(cut), seed \(seed)")
            counters.append(disk.counters)
            cut += 1
            // Nothing here waits, and other tests want their turn.
            await Task.yield()
        }
        #expect(cut > 60, "\(cut) operations")
        #expect(counters.contains { $0.tornWrites > 0 } && counters.contains { $0.lostOperations > 0 })
    }

    /// What was acknowledged, and what was asked for without an answer.
    private final class Model {
        var unfinished: Set<String> = []
        var finished: Set<String> = []
        var told: Set<String> = []
        var name: String?
        /// The rows of the commit without an answer: one that it was to begin, one that it was to end.
        var doubtful: Set<String> = []
        var doubtfulName: String?
    }

    /// Opens, writes and closes, twice; false where the power went.
    private func life(on disk: SimulatedDisk, _ model: Model) async throws -> Bool {
        for part in 0..<2 {
            guard let store = try? drivenStore(on: disk) else { return false }
            for round in part * Self.rounds..<(part + 1) * Self.rounds {
                guard await work(store, model, round) else {
                    store.abandon()
                    return false
                }
            }
            await store.close()
        }
        return !disk.isCut
    }

    private func work(_ store: WorkerStore, _ model: Model, _ round: Int) async -> Bool {
        let name = "\(round)"
        let done = round > 2 ? "\(round - 3)" : nil
        do {
            let instance = try Instance(fields: ["uuid": .string(instanceA.description), "display_name": .string(name)])
            try await store.write { transaction in
                _ = try transaction.accept(newEntry(name, body: [UInt8](repeating: UInt8(round), count: 700)))
                if let done, case .duplicate(let id, _) = try transaction.accept(newEntry(done)) {
                    try transaction.finish(id, outcome: .succeeded)
                }
                try transaction.save(instance)
                try transaction.enqueue(newMessage(name))
            }
        } catch {
            model.doubtful = [name]
            if let done { model.doubtful.insert(done) }
            model.doubtfulName = name
            return false
        }
        model.unfinished.insert(name)
        model.told.insert(name)
        if let done {
            model.unfinished.remove(done)
            model.finished.insert(done)
        }
        model.name = name
        return true
    }

    private func check(_ disk: SimulatedDisk, _ model: Model, _ place: Comment) async throws {
        let store = try drivenStore(on: disk)
        let (rows, row, outbox, sound) = try await store.read { snapshot in
            (
                try snapshot.unfinished(limit: 99), try snapshot.instance(instanceA), try snapshot.outbox(limit: 99),
                try String.fetchOne(snapshot.database, sql: "PRAGMA integrity_check")
            )
        }
        let found = Set(rows.compactMap(\.uniqueID))
        // The commit that was cut is there as a whole or not at all.
        let isKept = row?.instance.displayName == model.doubtfulName && model.doubtfulName != nil
        var unfinished = model.unfinished
        if isKept { unfinished.formSymmetricDifference(model.doubtful) }
        #expect(found == unfinished, place)
        #expect(row?.instance.displayName == (isKept ? model.doubtfulName : model.name), place)
        #expect(Set(outbox.map(\.message.orderingKey)).subtracting(model.told).count == (isKept ? 1 : 0), place)
        #expect(outbox.count == model.told.count + (isKept ? 1 : 0), place)
        for row in rows {
            let value = row.uniqueID.flatMap { UInt8($0) }
            #expect(row.body == value.map { [UInt8](repeating: $0, count: 700) }, place)
        }
        #expect(sound == "ok", place)
        // And it takes new work.
        _ = try accepted(try await store.accept(newEntry("new")))
        store.abandon()
    }
}
