// SPDX-License-Identifier: Apache-2.0

internal import ComputeModel
internal import GRDB

extension QuarantinedRow {
    /// The rows that are set aside, as far as they can be read.
    static func all(
        in database: Database, _ order: String, _ arguments: StatementArguments
    ) throws -> [QuarantinedRow] {
        let cursor = try Row.fetchCursor(
            database,
            sql: "SELECT id, source, instance, closes_instance, reason, found_at FROM quarantine \(order)",
            arguments: arguments)
        var rows: [QuarantinedRow] = []
        while let row = try cursor.next() {
            rows.append(
                QuarantinedRow(
                    id: row[0], source: Source(rawValue: row.text(1) ?? "") ?? .journal,
                    instance: try row.instanceID(2), closesInstance: row.int64(3) != 0, reason: row.text(4) ?? "",
                    foundAt: row.timestamp(5)))
        }
        return rows
    }
}
