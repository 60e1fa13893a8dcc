// SPDX-License-Identifier: Apache-2.0

import ComputeModel
import Foundation
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

    @Test("on a real disk too: one damaged record closes its instance until it is deleted, and the others go on")
    func oneInstance() async throws {
        try await withDirectory { path in
            try await reopening(path) { store in
                for id in [instanceA, instanceB] {
                    let instance = try Instance(
                        fields: ["uuid": .string(id.description), "display_name": .string("name of \(id)")])
                    try await store.write { try $0.save(instance) }
                }
            }
            let file = URL(fileURLWithPath: "\(path)/worker.sqlite")
            var bytes = try Data(contentsOf: file)
            let name = try #require(bytes.range(of: Data("name of \(instanceA)".utf8)))
            bytes[name.lowerBound] ^= 4
            try bytes.write(to: file)
            for _ in 0..<2 {
                try await reopening(path) { store in
                    #expect(store.isQuarantined(instanceA) && !store.isQuarantined(instanceB))
                    #expect(store.quarantined.map(\.source) == [.instance] && store.levels.quarantined == 1)
                    let left = try await store.read { try $0.instances() }
                    let shown = try JournalView.open(directory: path).quarantined()
                    #expect(left.map(\.id) == [instanceB] && shown.map(\.instance) == [instanceA])
                }
            }
            try await reopening(path) { store in
                try await store.write { try $0.remove(instanceA) }
                #expect(!store.isQuarantined(instanceA) && store.quarantined.isEmpty && store.levels.quarantined == 0)
            }
            try await reopening(path) { #expect($0.quarantined.isEmpty) }
        }
    }

    @Test(
        "a waiting request whose record is damaged stays, as what can be read of it, until it is ended; set aside once",
        arguments: [
            "UPDATE journal SET method = 'rebxot_instance' WHERE id = 1", "DELETE FROM journal WHERE id = 1",
            "UPDATE journal SET unique_id = 'another' WHERE id = 1", "UPDATE journal SET reply = 'm other' WHERE id = 1",
        ])
    func waitingRequest(_ damage: String) async throws {
        try await withDirectory { path in
            try await reopening(path) { store in
                for name in ["one", "two"] { _ = try await store.accept(newEntry(name, body: Array(name.utf8))) }
            }
            let queue = try DatabaseQueue(path: "\(path)/worker.sqlite")
            try await queue.write { try $0.execute(sql: damage) }
            try queue.close()
            for _ in 0..<2 {
                try await reopening(path) { store in
                    let rows = try await store.read { try $0.unfinished(limit: 9) }
                    #expect(rows.map(\.isDamaged) == [true, false])
                    #expect(rows.first?.body == Array("one".utf8))
                    #expect(store.quarantined.map(\.source) == [.journal])
                    #expect(store.levels.unfinished == 2 && store.levels.finished == 0)
                }
            }
            try await reopening(path) { store in
                let isEnded = try await store.write { try $0.finish(JournalID(1), outcome: .failed) }
                #expect(isEnded)
                #expect(store.levels.unfinished == 1 && store.levels.finished == 1)
            }
            try await reopening(path) { store in
                #expect(store.levels.unfinished == 1 && store.levels.finished == 1 && store.quarantined.count == 1)
            }
        }
    }

    @Test("a page that a run could not read makes the next start look at all of a large database and make it anew")
    func suspicion() async throws {
        try await withDirectory { path in
            let file = URL(fileURLWithPath: "\(path)/worker.sqlite")
            try await reopening(path) { store in
                for number in 0..<40 {
                    try await store.write { transaction in
                        try transaction.enqueue(newMessage("\(number)", String(repeating: "x", count: 1 << 20)))
                        try transaction.register(kind: "domain", name: "\(number)", for: instanceA)
                    }
                }
            }
            var bytes = try Data(contentsOf: file)
            #expect(bytes.count > 32 << 20)
            // The chain of pages of a large message ends in the middle of nowhere.
            let page = bytes.count / 32768 / 2
            bytes.replaceSubrange(page * 32768..<page * 32768 + 4, with: [0, 0xFF, 0xFF, 0xFF])
            try bytes.write(to: file)
            try await reopening(path) { store in
                let error = await #expect(throws: StoreError.self) { try await store.read { try $0.outbox(limit: 99) } }
                #expect(error?.code == .damaged)
            }
            try await reopening(path) { store in
                let messages = try await store.read { try $0.outbox(limit: 99) }
                let resources = try await store.read { try $0.resources(of: instanceA) }
                #expect(messages.count == 39 && resources.count == 40)
                #expect(store.levels.quarantined > 0)
            }
            #expect(FileManager.default.fileExists(atPath: "\(path)/worker.sqlite.damaged"))
            #expect(!FileManager.default.fileExists(atPath: "\(path)/worker.sqlite.suspect"))
        }
    }

    /// "same" where all is as it was; "found" where something is missing and said to be; an issue where neither.
    private func compare(_ store: WorkerStore, _ place: Comment) async throws -> String {
        let (rows, instances, outbox) = try await store.read { snapshot in
            (
                try snapshot.unfinished(limit: 99), try snapshot.instances(), try snapshot.outbox(limit: 99)
            )
        }
        let (made, done) = try await store.read { snapshot in
            (try snapshot.resources(), try snapshot.succeeded("reboot_instance"))
        }
        for resource in made { #expect(resource.name == "\(resource.kind) of \(resource.instance)", place) }
        for work in done { #expect(work.instance == instanceA && work.note == nil, place) }
        var isWhole = true
        for row in rows {
            if row.isDamaged || row.body?.isEmpty == true { isWhole = false; continue }
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
        if made.count != 10 || done.count != 4 { isWhole = false }
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
                for kind in ["domain", "directory"] {
                    try transaction.register(kind: kind, name: "\(kind) of \(id)", for: id)
                }
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
