// SPDX-License-Identifier: Apache-2.0

internal import ComputeModel
internal import FoundationEssentials
internal import GRDB

/// Saves what can still be read of a database whose order is damaged into a sound one in memory.
///
/// Row by row: what stands on a page that can't be read is lost, and said to be; what is wrong inside a row that can be
/// read is left to the row's sum.
struct Salvage {
    private let source: Database
    private let target: Database
    private let identifiers: any IdentifierSource
    private let now: Timestamp

    /// A sound database of the same page size with all that could be saved, and a row that says what could not.
    static func run(_ queue: DatabaseQueue, identifiers: any IdentifierSource, now: Timestamp) throws -> DatabaseQueue {
        let pageSize = try queue.read { try Int.fetchOne($0, sql: "PRAGMA page_size") } ?? 4096
        var settings = Configuration()
        settings.prepareDatabase { try $0.execute(sql: "PRAGMA page_size = \(pageSize)") }
        let rescued = try DatabaseQueue(configuration: settings)
        try rescued.writeWithoutTransaction { target in
            try Schema.migrate(target, identifiers: identifiers)
            // Without a transaction: one in which a page could not be read can't be ended well.
            try queue.unsafeRead { source in
                try target.inTransaction {
                    try Salvage(source: source, target: target, identifiers: identifiers, now: now).save()
                    return .commit
                }
            }
        }
        return rescued
    }

    private func save() throws {
        try target.execute(sql: "DELETE FROM meta")
        var unread: [String] = []
        for table in ["meta", "resource", "sequence", "peer_call"] where try !copy(table, byRow: false) {
            unread.append(table)
        }
        let numbered = ["journal", "pending", "instance", "outbox", "claim", "ended_instance", "cast_trace", "quarantine"]
        for table in numbered where try !copy(table, byRow: true) {
            unread.append(table)
        }
        // Without its old key it does not know the repeats of messages that have no id of their own.
        try target.execute(
            sql: "INSERT OR IGNORE INTO meta (name, value) VALUES ('hash-key', ?)",
            arguments: [identifiers.next().blob])
        try closeLostInstances()
        let lost =
            unread.isEmpty ? "every row could be read" : "some rows of \(unread.joined(separator: ", ")) are lost"
        try setAside(.journal, nil, "the order of the database was damaged, and it was made anew: \(lost)", Data())
    }

    /// Copies the rows of a table; false where some could not be read.
    ///
    /// - Parameter byRow: whether its rows have numbers, by which they can be reached one by one.
    private func copy(_ table: String, byRow: Bool) throws -> Bool {
        let select = "SELECT \(byRow ? "rowid" : "0"), * FROM \(table)"
        var seen: Set<Int64> = []
        var isWhole = true
        for order in byRow ? ["", " ORDER BY rowid DESC"] : [""] {
            let isRead = try scan(select + order) { row in
                if byRow, let id = row.int64(0), !seen.insert(id).inserted { return }
                try insert(row, into: table)
            }
            if isRead { return isWhole }
            isWhole = false
        }
        // Between the last row from below and the last from above, the page of each row may be sound.
        if let low = seen.min(), let high = seen.max(), high - low < 100_000 {
            for id in low...high where !seen.contains(id) {
                _ = try scan("\(select) WHERE rowid = \(id)") { try insert($0, into: table) }
            }
        }
        return false
    }

    /// Runs `body` for each row that can be read; false where reading ended before the table did.
    private func scan(_ sql: String, _ body: (Row) throws -> Void) throws -> Bool {
        let cursor: RowCursor
        do {
            cursor = try Row.fetchCursor(source, sql: sql)
        } catch let error as DatabaseError where error.resultCode == .SQLITE_CORRUPT {
            return false
        }
        while true {
            do {
                guard let row = try cursor.next() else { return true }
                try body(row)
            } catch let error as DatabaseError where error.resultCode == .SQLITE_CORRUPT {
                return false
            }
        }
    }

    private func insert(_ row: Row, into table: String) throws {
        // By place: the name of a column may be what is damaged.
        let values = Array(row.databaseValues.dropFirst())
        let places = values.map { _ in "?" }.joined(separator: ", ")
        do {
            try target.execute(
                sql: "INSERT OR IGNORE INTO \(table) VALUES (\(places))", arguments: StatementArguments(values))
        } catch is DatabaseError {
            // A column is not even of its type.
            let id = table == "instance" ? try row.instanceID(1) : table == "journal" ? try row.instanceID(8) : nil
            let reason = "a row of \(table) holds what can't be there"
            try setAside(Self.sources[table] ?? .journal, id, reason, row.remains)
        }
    }

    /// Instances that the index names and the table does not: their rows are lost, they are not.
    private func closeLostInstances() throws {
        let index = "SELECT uuid FROM instance INDEXED BY sqlite_autoindex_instance_1 ORDER BY uuid"
        for order in ["", " DESC"] {
            _ = try scan(index + order) { row in
                guard let id = try row.instanceID(0) else { return }
                let isKnown = try Bool.fetchOne(
                    target,
                    sql: """
                        SELECT EXISTS (SELECT 1 FROM instance WHERE uuid = ?)
                            OR EXISTS (SELECT 1 FROM quarantine WHERE instance = ? AND closes_instance)
                        """, arguments: [id.bits.blob, id.bits.blob])
                guard isKnown == false else { return }
                try setAside(.instance, id, "the record of an instance is on a page that can't be read", Data())
            }
        }
    }

    private func setAside(
        _ source: QuarantinedRow.Source, _ instance: InstanceID?, _ reason: String, _ content: Data
    ) throws {
        try target.execute(
            sql: """
                INSERT INTO quarantine (source, instance, closes_instance, reason, found_at, content)
                VALUES (?, ?, ?, ?, ?, ?)
                """,
            arguments: [
                source.rawValue, instance?.bits.blob, instance != nil && source == .instance, reason,
                now.microseconds, content,
            ])
    }

    private static let sources: [String: QuarantinedRow.Source] = [
        "instance": .instance, "outbox": .outbox, "pending": .body, "journal": .journal,
        "claim": .claim, "ended_instance": .usage,
    ]
}
