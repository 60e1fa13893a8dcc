// SPDX-License-Identifier: Apache-2.0

import ComputeModel
import GRDB
import SimulatedDisk
import Testing

@testable import WorkerStore

@Suite("Damaged rows", .timeLimit(.minutes(3)))
struct QuarantineTests {
    static let path = "/journal/worker.sqlite"

    @Test("a bit turned over in the database is harmless, found, or ground to refuse the start; never believed")
    func anyBit() async throws {
        let disk = try #require(SimulatedDisk())
        try await fill(disk)
        let whole = try #require(disk.contents(of: Self.path))
        var counts: [String: Int] = [:]
        for seed in UInt64(0)..<300 {
            await Task.yield()
            disk.put(whole, at: Self.path)
            for path in disk.paths where path != Self.path { disk.put([], at: path) }
            let bit = try #require(disk.flipBit(seed: seed, inFilesEnding: "worker.sqlite"))
            let damaged = disk.contents(of: Self.path)
            do {
                let store = try drivenStore(on: disk)
                counts[try await compare(store, "byte \(bit.offset), bit \(bit.bit)"), default: 0] += 1
                disk.crash(.process)
                store.abandon()
            } catch let error as StoreError {
                #expect(error.code == .damaged || error.code == .newerSchema, "byte \(bit.offset): \(error)")
                #expect(disk.contents(of: Self.path) == damaged, "byte \(bit.offset): \(error)")
                counts["refused", default: 0] += 1
            }
        }
        // Header, schema and the pages' own order are a small part of it.
        #expect(counts["found", default: 0] > 50, "\(counts)")
        #expect(counts["refused", default: 0] < 100, "\(counts)")
    }

    /// "same" where all is as it was; "found" where something is missing and said to be; an issue where neither.
    private func compare(_ store: WorkerStore, _ place: Comment) async throws -> String {
        let (rows, instances, outbox) = try await store.read { snapshot in
            (
                try snapshot.unfinished(limit: 99), try snapshot.instances(), try snapshot.outbox(limit: 99)
            )
        }
        var isWhole = true
        for row in rows {
            if row.body?.isEmpty == true { isWhole = false; continue }
            let number = row.uniqueID.flatMap { Int($0) } ?? -1
            #expect(row.body == Self.body(number) && row.operation == "reboot_instance", place)
            #expect(row.step == (number % 2 == 0 ? Self.step(number) : nil), place)
        }
        for row in instances {
            #expect(row.instance.displayName == "name of \(row.id)" && row.networkInfo == [.string("\(row.id)")], place)
        }
        for row in outbox {
            let sequence = row.sequence.map { Int($0) }
            #expect(sequence.map { Self.body($0) } == row.message.body, place)
        }
        var isKnown = 0
        for number in 0..<4 {
            if case .duplicate = try await store.accept(newEntry("done \(number)")) { isKnown += 1 }
        }
        if rows.count != 6 || instances.count != 5 || outbox.count != 8 || isKnown != 4 { isWhole = false }
        let reported = store.quarantined.count
        #expect(isWhole || reported > 0, "\(place): \(rows.count) \(instances.count) \(outbox.count) \(isKnown)")
        #expect(store.levels.quarantined == reported, place)
        return reported > 0 ? "found" : "same"
    }

    func fill(_ disk: SimulatedDisk) async throws {
        let store = try drivenStore(on: disk)
        try await store.write { transaction in
            for number in 0..<6 {
                let id = try accepted(transaction.accept(newEntry("\(number)", body: Self.body(number))))
                if number % 2 == 0 { try transaction.checkpoint(id, step: Self.step(number)) }
            }
            for number in 0..<4 {
                let id = try accepted(transaction.accept(newEntry("done \(number)")))
                try transaction.finish(id, outcome: .succeeded)
            }
            for number in UInt64(1)...5 {
                let id = Self.instance(number)
                try transaction.save(
                    Instance(
                        fields: ["uuid": .string(id.description), "display_name": .string("name of \(id)")]),
                    networkInfo: [.string("\(id)")])
            }
            for number in 1...8 {
                try transaction.enqueue(
                    OutboxMessage(
                        orderingKey: "k", kind: .notification, exchange: "nova", routingKey: "notifications.info",
                        isMandatory: false, body: Self.body(number), instance: Self.instance(1)))
            }
        }
        await store.close()
    }

    private static func body(_ number: Int) -> [UInt8] {
        Array("{\"number\": \(number), \"text\": \"\(String(repeating: "body \(number) ", count: 12))\"}".utf8)
    }

    private static func step(_ number: Int) -> [UInt8] { Array("{\"step\": \(number)}".utf8) }

    private static func instance(_ number: UInt64) -> InstanceID {
        InstanceID(bits: UniqueBits(high: number << 40 | 0x4000, low: number | 0x8000_0000_0000_0000))
    }
}
