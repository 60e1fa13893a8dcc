// SPDX-License-Identifier: Apache-2.0

import ComputeModel
import Foundation
import GRDB
import Testing

@testable import WorkerStore

@Suite("Tables of an earlier version", .timeLimit(.minutes(1)))
struct MigrationTests {
    @Test("a database of the first version is brought up, its unfinished rows live on and its repeats are known")
    func firstVersion() async throws {
        try await withDirectory { path in
            try FileManager.default.createDirectory(
                atPath: path, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
            let instance = try Instance(fields: ["uuid": .string(instanceA.description), "display_name": "old"])
            try writeFirstVersion("\(path)/worker.sqlite", instance)
            try await reopening(path) { store in
                #expect(store.quarantined.isEmpty)
                let rows = try await store.read { try $0.unfinished(limit: 9) }
                #expect(rows.map(\.uniqueID) == ["waiting"])
                #expect(rows.first?.body == Array("{}".utf8) && rows.first?.step == Array("[1]".utf8))
                #expect(rows.first?.attempts == 2 && rows.first?.instance == instanceA)
                let kept = try await store.read { try $0.instance(instanceA) }
                #expect(kept?.instance == instance && kept?.networkInfo == [.string("net")])
                let messages = try await store.read { try $0.outbox(limit: 9) }
                #expect(messages.map(\.message.body) == [[1, 2]] && messages.first?.sequence == nil)
                #expect(try await store.accept(newEntry("done")) == .duplicate(of: JournalID(1), finished: true))
                #expect(try await store.write { try $0.finish(JournalID(2), outcome: .succeeded) })
            }
            try await reopening(path) { store in
                #expect(store.quarantined.isEmpty && store.levels.finished == 2)
                let version = try await store.read { try Int.fetchOne($0.database, sql: "PRAGMA user_version") }
                #expect(version == Schema.version)
            }
        }
    }

    @Test("a database of the second version is brought up with its unfinished rows and its counts, and takes claims")
    func secondVersion() async throws {
        try await withDirectory { path in
            try FileManager.default.createDirectory(
                atPath: path, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
            let instance = try Instance(fields: ["uuid": .string(instanceA.description), "display_name": "old"])
            try writeFirstVersion("\(path)/worker.sqlite", instance)
            try bringToSecondVersion("\(path)/worker.sqlite")
            try await reopening(path) { store in
                #expect(store.quarantined.isEmpty)
                let rows = try await store.read { try $0.unfinished(limit: 9) }
                #expect(rows.map(\.uniqueID) == ["waiting"])
                #expect(rows.first?.body == Array("{}".utf8) && rows.first?.step == Array("[1]".utf8))
                #expect(rows.first?.attempts == 2 && rows.first?.instance == instanceA)
                #expect(try await store.read { try $0.instance(instanceA) }?.instance == instance)
                #expect(try await store.accept(newEntry("done")) == .duplicate(of: JournalID(1), finished: true))
                let numbers = try await store.write { transaction in
                    try [transaction.enqueue(event(instanceA)), transaction.enqueue(event(instanceB))]
                }
                let sequences = try await store.read { snapshot in
                    try numbers.map { try snapshot.outboxRow($0)?.sequence }
                }
                #expect(sequences == [8, 4])
                #expect(store.levels.claimed == .none)
                try await store.write { transaction in
                    try transaction.keep(
                        EndedInstance(
                            instance: instanceB, payload: [:], launchedAt: Timestamp(microseconds: 1),
                            terminatedAt: Timestamp(microseconds: 2)))
                    try transaction.finish(JournalID(2), outcome: .succeeded)
                }
            }
            try await reopening(path) { store in
                #expect(store.quarantined.isEmpty && store.levels.finished == 2)
                let version = try await store.read { try Int.fetchOne($0.database, sql: "PRAGMA user_version") }
                #expect(version == Schema.version)
            }
        }
    }

    @Test("a database of the third version is brought up with every row of every table, and notes the end of casts")
    func thirdVersion() async throws {
        try await withDirectory { path in
            try FileManager.default.createDirectory(
                atPath: path, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
            let file = "\(path)/worker.sqlite"
            try ThirdVersion.write(file)
            let rows = try ThirdVersion.rows(in: file)
            for (table, rows) in rows { #expect(!rows.isEmpty, "\(table)") }
            try await reopening(path) { store in
                #expect(store.quarantined.map(\.source) == [.outbox])
                #expect(store.levels.unfinished == 1 && store.levels.finished == 1 && store.levels.outbox == 1)
            }
            let kept = try ThirdVersion.rows(in: file)
            for (table, rows) in rows { #expect(kept[table] == rows, "\(table)") }
            try await reopening(path) { store in
                let waiting = try #require(try await store.read { try $0.unfinished(limit: 9) }.first)
                #expect(waiting.uniqueID == "waiting" && waiting.step == Array("[1]".utf8) && !waiting.isDamaged)
                #expect(try await store.accept(newEntry("done")) == .duplicate(of: JournalID(1), finished: true))
                let instance = try await store.read { try $0.instance(instanceA) }
                #expect(instance?.instance.displayName == "old" && instance?.networkInfo == [.string("net")])
                #expect(try await store.read { try $0.resources() }.map(\.name) == ["instance-00000001"])
                #expect(try await store.read { try $0.outbox(limit: 9) }.map(\.sequence) == [1])
                #expect(try await store.read { try $0.peerCalls(of: JournalID(2)) }.map(\.outcome) == ["ok"])
                #expect(store.levels.claimed == ClaimAmounts(vcpus: 2, memoryMiB: 512, diskGiB: 10))
                #expect(try await store.read { try $0.mark("usage-audit") } == "2012-11-01")
                let ended = try await store.read {
                    try $0.ended(from: Timestamp(microseconds: 1), until: Timestamp(microseconds: 3))
                }
                #expect(ended.map(\.instance) == [instanceB])
                let numbers = try await store.write { transaction in
                    try [transaction.enqueue(event(instanceA)), transaction.enqueue(event(instanceB))]
                }
                let sequences = try await store.read { snapshot in
                    try numbers.map { try snapshot.outboxRow($0)?.sequence }
                }
                #expect(sequences == [2, 2])
                try await store.write { transaction in
                    try transaction.beginCast(JournalID(2), topic: "compute.two", method: "m", numbers[0])
                    try transaction.endCast(numbers[0], outcome: "sent")
                }
                let calls = try await store.read { try $0.peerCalls(of: JournalID(2)) }
                #expect(calls.map(\.outcome) == ["ok", "sent"])
                let version = try await store.read { try Int.fetchOne($0.database, sql: "PRAGMA user_version") }
                #expect(version == Schema.version)
            }
        }
    }

    /// What the second version made of it, and had counted since.
    private func bringToSecondVersion(_ path: String) throws {
        let queue = try DatabaseQueue(path: path)
        try queue.write { database in
            try Schema.migrations[1](database)
            try database.execute(
                sql: """
                    UPDATE instance SET sequence = 7;
                    INSERT INTO sequence (instance, last, changed_at) VALUES (?, 3, 9);
                    PRAGMA user_version = 2;
                    """, arguments: [instanceB.bits.blob])
        }
        try queue.close()
    }

    /// What the first version of the worker left: its statements, word by word.
    private func writeFirstVersion(_ path: String, _ instance: Instance) throws {
        let queue = try DatabaseQueue(path: path)
        try queue.write { database in
            try Schema.migrations[0](database)
            try database.execute(
                sql: "INSERT INTO meta (name, value) VALUES ('hash-key', ?)",
                arguments: [UniqueBits(high: 1, low: 2).blob])
            try database.execute(
                sql: """
                    INSERT INTO journal (id, unique_id, form, method, version, operation, instance, request_id,
                        received_at, step, attempts, outcome, finished_at)
                    VALUES (1, 'done', 1, 'reboot_instance', '2.0', 'reboot_instance', ?, 'req-1', 5, NULL, 0,
                            'succeeded', 7),
                        (2, 'waiting', 1, 'reboot_instance', '2.0', 'reboot_instance', ?, 'req-2', 6, ?, 2, NULL, NULL);
                    INSERT INTO pending (id, body) VALUES (2, ?);
                    INSERT INTO instance (uuid, fields, network_info, details, updated_at) VALUES (?, ?, ?, ?, 9);
                    INSERT INTO outbox (id, ordering_key, kind, exchange, routing_key, mandatory, instance, created_at,
                        body) VALUES (1, 'k', 0, 'nova', 'notifications.info', 0, ?, 8, ?);
                    PRAGMA user_version = 1;
                    """,
                arguments: [
                    instanceA.bits.blob, instanceA.bits.blob, Data("[1]".utf8), Data("{}".utf8), instanceA.bits.blob,
                    Data(JSONWriter.bytes(instance.json)), Data("[\"net\"]".utf8), Data("{}".utf8),
                    instanceA.bits.blob, Data([1, 2]),
                ])
            try database.execute(sql: "PRAGMA application_id = \(Schema.applicationID)")
        }
        try queue.close()
    }
}
