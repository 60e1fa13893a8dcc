// SPDX-License-Identifier: Apache-2.0

internal import ComputeModel
internal import GRDB

/// Gives the rows of a version that had none their sums: from here on they are believed as they were found.
enum SchemaSums {
    static func fill(_ database: Database) throws {
        try fillJournal(database)
        try each(database, "SELECT id, body FROM pending") { row in
            let sum = try row.withBytes(1) { RowSum.body(id: row[0], $0) }
            try database.execute(sql: "UPDATE pending SET sum = ? WHERE id = ?", arguments: [sum, row[0] as Int64])
        }
        try each(database, "SELECT rowid, uuid, fields, network_info, details, updated_at FROM instance") { row in
            guard let id = try row.instanceID(1)?.bits else { return }
            let sum = try row.withBytes(2) { RowSum.fields(of: id, $0, updatedAt: row[5]) }
            let rest = try row.withBytes(3) { network in
                try row.withBytes(4) { RowSum.rest(of: id, network: network, details: $0) }
            }
            try database.execute(
                sql: "UPDATE instance SET sum = ?, rest_sum = ? WHERE rowid = ?",
                arguments: [sum, rest, row[0] as Int64])
        }
        try each(
            database,
            """
            SELECT id, ordering_key, kind, exchange, routing_key, mandatory, headers, instance, created_at, body, NULL
            FROM outbox
            """
        ) { row in
            try database.execute(
                sql: "UPDATE outbox SET sum = ? WHERE id = ?", arguments: [try row.outboxSum(), row[0] as Int64])
        }
    }

    static func fillResources(_ database: Database) throws {
        for row in try Row.fetchAll(database, sql: "SELECT instance, kind, name FROM resource") {
            guard let id = try row.instanceID(0), let kind = row.text(1), let name = row.text(2) else { continue }
            try database.execute(
                sql: "UPDATE resource SET sum = ? WHERE instance = ? AND kind = ? AND name = ?",
                arguments: [RowSum.resource(of: id.bits, kind: kind, name: name), id.bits.blob, kind, name])
        }
    }

    /// Of requests that have ended; those that wait keep the sum of their step there.
    static func fillEnds(_ database: Database) throws {
        try each(database, "SELECT id, outcome, finished_at, last_error FROM journal") { row in
            guard let finishedAt = row.int64(2) else { return }
            let sum = RowSum.end(id: row[0], outcome: row.text(1), finishedAt: finishedAt, error: row.text(3))
            try database.execute(
                sql: "UPDATE journal SET step_sum = ? WHERE id = ?", arguments: [sum, row[0] as Int64])
        }
    }

    private static func fillJournal(_ database: Database) throws {
        try each(database, "SELECT \(Row.journalColumns), step FROM journal") { row in
            guard let sum = try row.journalSum() else { return }
            let step = try row.bytes(11).map { $0.withUnsafeBytes { RowSum.step(id: row[0], $0) } }
            try database.execute(
                sql: "UPDATE journal SET sum = ?, step_sum = ? WHERE id = ?",
                arguments: [sum, step ?? 0, row[0] as Int64])
        }
    }

    /// Page by page, as a table is not changed under a cursor on it.
    private static func each(_ database: Database, _ sql: String, _ body: (Row) throws -> Void) throws {
        let key = sql.contains("FROM instance") ? "rowid" : "id"
        var last = Int64.min
        while true {
            let rows = try Row.fetchAll(
                database, sql: "\(sql) WHERE \(key) > ? ORDER BY \(key) LIMIT 256", arguments: [last])
            guard let end = rows.last else { return }
            for row in rows { try body(row) }
            last = end[0]
        }
    }
}
