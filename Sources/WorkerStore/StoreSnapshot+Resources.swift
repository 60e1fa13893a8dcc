// SPDX-License-Identifier: Apache-2.0

internal import ComputeModel
internal import FoundationEssentials
internal import GRDB

extension StoreSnapshot {
    /// What was made for instances; without those rows that are damaged.
    func resources(_ condition: String, _ arguments: StatementArguments) throws -> [StoredResource] {
        let statement = try database.cachedStatement(
            sql: "SELECT \(Row.resourceColumns) FROM resource \(condition)")
        let cursor = try Row.fetchCursor(statement, arguments: arguments)
        var found: [StoredResource] = []
        while let row = try cursor.next() {
            if let resource = try row.resource() {
                found.append(resource)
            } else {
                report(
                    .resource, try row.resourceMark(), try row.resourceOwner(),
                    "what was made for an instance does not agree with its sum")
            }
        }
        return found
    }
}

extension Row {
    static let resourceColumns = "instance, kind, name, sum"

    /// A row of what was made; nil where it does not agree with its sum.
    func resource() throws -> StoredResource? {
        guard let id = try instanceID(0), let kind = text(1), let name = text(2),
            RowSum.resource(of: id.bits, kind: kind, name: name) == int64(3)
        else { return nil }
        return StoredResource(kind: kind, name: name, instance: id)
    }

    /// Whose it is, where one bit of the instance's id was turned; else whom the row names.
    func resourceOwner() throws -> InstanceID? {
        guard let id = try instanceID(0) else { return nil }
        guard let kind = text(1), let name = text(2) else { return id }
        for bit in 0..<128 {
            let (high, low): (UInt64, UInt64) = bit < 64 ? (1 << UInt64(bit), 0) : (0, 1 << UInt64(bit - 64))
            let bits = UniqueBits(high: id.bits.high ^ high, low: id.bits.low ^ low)
            if RowSum.resource(of: bits, kind: kind, name: name) == int64(3) { return InstanceID(bits: bits) }
        }
        return id
    }

    /// What a row is known by that has no number, whatever it holds.
    func resourceMark() throws -> Int64 {
        var sum = RowSum(seed: 3)
        sum.add([UInt8](remains))
        return sum.column
    }
}

extension StoreTransaction {
    /// Takes a damaged row out, and writes the others anew: where its key was damaged, nothing finds it by that.
    func takeResource(_ mark: Int64) throws -> Data? {
        let rows = try Row.fetchAll(database, sql: "SELECT \(Row.resourceColumns) FROM resource")
        guard let damaged = try rows.first(where: { try $0.resourceMark() == mark }) else { return nil }
        try execute("DELETE FROM resource", [])
        for row in rows {
            if try row.resourceMark() == mark { continue }
            try execute(
                "INSERT OR IGNORE INTO resource (\(Row.resourceColumns)) VALUES (?, ?, ?, ?)",
                StatementArguments(Array(row.databaseValues)))
        }
        return damaged.remains
    }
}
