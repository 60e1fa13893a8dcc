// SPDX-License-Identifier: Apache-2.0

import ComputeModel
import Foundation
import GRDB
import Testing

@testable import WorkerStore

/// Rows that nothing is worked on by, and that something is concluded from.
@Suite("Damaged rows of what was made and of what is done", .timeLimit(.minutes(1)))
struct DamagedTraceTests {
    private static func damage(_ path: String, _ sql: String, _ arguments: StatementArguments = []) throws {
        let queue = try DatabaseQueue(path: "\(path)/worker.sqlite")
        try queue.write { try $0.execute(sql: sql, arguments: arguments) }
        try queue.close()
    }

    @Test("a bit turned in what was made for an instance closes that instance alone, until it is deleted")
    func made() async throws {
        try await withDirectory { path in
            try await reopening(path) { store in
                try await store.write { transaction in
                    for id in [instanceA, instanceB] {
                        try transaction.register(kind: "domain", name: "domain of \(id)", for: id)
                        try transaction.register(kind: "port", name: "port of \(id)", for: id)
                    }
                }
            }
            let file = URL(fileURLWithPath: "\(path)/worker.sqlite")
            var bytes = try Data(contentsOf: file)
            let name = try #require(bytes.range(of: Data("port of \(instanceA)".utf8)))
            bytes[name.lowerBound + 1] ^= 1
            try bytes.write(to: file)
            for _ in 0..<2 {
                try await reopening(path) { store in
                    #expect(store.isQuarantined(instanceA) && !store.isQuarantined(instanceB))
                    #expect(store.quarantined.map(\.source) == [.resource] && store.levels.quarantined == 1)
                    let left = try await store.read { try $0.resources() }.map(\.name).sorted()
                    #expect(
                        left == ["domain of \(instanceA)", "domain of \(instanceB)", "port of \(instanceB)"])
                    let shown = try JournalView.open(directory: path).quarantined().map(\.instance)
                    #expect(shown == [instanceA])
                }
            }
            try await reopening(path) { store in
                try await store.write { try $0.remove(instanceA) }
                #expect(!store.isQuarantined(instanceA) && store.levels.quarantined == 0)
            }
        }
    }

    @Test("one that was turned in the id of the instance is known to be that instance's", arguments: [0, 77, 127])
    func owner(bit: Int) async throws {
        try await withDirectory { path in
            try await reopening(path) { store in
                try await store.write { transaction in
                    try transaction.register(kind: "domain", name: "a", for: instanceA)
                    try transaction.register(kind: "domain", name: "b", for: instanceB)
                }
            }
            var key = instanceA.bits.blob
            key[key.startIndex + bit / 8] ^= 1 << UInt8(bit % 8)
            try Self.damage(
                path, "UPDATE resource SET instance = ? WHERE instance = ?", [key, instanceA.bits.blob])
            try await reopening(path) { store in
                #expect(store.isQuarantined(instanceA) && !store.isQuarantined(instanceB))
                let left = try await store.read { try $0.resources() }.map(\.name)
                #expect(left == ["b"])
            }
        }
    }

    @Test(
        "of a request that is done nothing is believed but that it came, and no instance is closed",
        arguments: [
            "outcome = 'failed'", "operation = 'terminate_instance'", "last_error = 'host=other'", "finished_at = 5",
            "instance = X'00'", "received_at = 7", "step_sum = step_sum + 1",
        ])
    func done(_ damage: String) async throws {
        try await withDirectory { path in
            try await reopening(path) { store in
                try await store.write { transaction in
                    for name in ["one", "two"] {
                        let id = try accepted(transaction.accept(newEntry(name)))
                        try transaction.finish(id, outcome: .succeeded, error: name == "two" ? "host=two" : nil)
                    }
                }
            }
            try Self.damage(path, "UPDATE journal SET \(damage) WHERE id = 1")
            for _ in 0..<2 {
                try await reopening(path) { store in
                    #expect(store.quarantined.map(\.source) == [.journal] && store.levels.quarantined == 1)
                    #expect(!store.isQuarantined(instanceA) && store.levels.finished == 2)
                    let work = try await store.read { try $0.succeeded("reboot_instance") }
                    #expect(work.map(\.note) == ["host=two"])
                    let entry = try await store.read { try $0.finishedEntry(JournalID(1)) }
                    #expect(entry?.outcome == .failed && entry?.operation == JournalEntry.damagedOperation)
                    #expect(try await store.accept(newEntry("one")) == .duplicate(of: JournalID(1), finished: true))
                }
            }
        }
    }

    @Test("an error that was noted before the end is told with it, and one that comes with the end in its place")
    func noted() async throws {
        try await withDirectory { path in
            try await reopening(path) { store in
                for (name, error) in [("one", nil), ("two", "later")] {
                    try await store.write { transaction in
                        let id = try accepted(transaction.accept(newEntry(name)))
                        try transaction.noteError(id, "earlier")
                        try transaction.finish(id, outcome: .failed, error: error)
                    }
                }
            }
            try await reopening(path) { store in
                #expect(store.quarantined.isEmpty)
                let entries = try await store.read { snapshot in
                    try [1, 2].map { try snapshot.finishedEntry(JournalID($0))?.lastError }
                }
                #expect(entries == ["earlier", "later"])
            }
        }
    }
}
