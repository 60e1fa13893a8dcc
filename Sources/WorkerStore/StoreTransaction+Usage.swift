// SPDX-License-Identifier: Apache-2.0

public import ComputeModel
internal import FoundationEssentials
internal import GRDB

/// What is to be told of an instance that is gone, until the period in which it was used has been told.
public struct EndedInstance: Sendable, Hashable {
    public let instance: InstanceID
    /// What its events say of it.
    public let payload: JSONObject
    public let launchedAt: Timestamp
    public let terminatedAt: Timestamp

    public init(instance: InstanceID, payload: JSONObject, launchedAt: Timestamp, terminatedAt: Timestamp) {
        self.instance = instance
        self.payload = payload
        self.launchedAt = launchedAt
        self.terminatedAt = terminatedAt
    }
}

extension StoreTransaction {
    /// Keeps what is to be told of an instance that goes with this commit.
    public func keep(_ ended: EndedInstance) throws {
        let payload = JSONWriter.bytes(.object(ended.payload))
        try execute(
            """
            INSERT INTO ended_instance (instance, payload, launched_at, terminated_at, sum) VALUES (?, ?, ?, ?, ?)
            """,
            [
                ended.instance.bits.blob, Data(payload), ended.launchedAt.microseconds, ended.terminatedAt.microseconds,
                RowSum.ended(
                    ended.instance.bits, payload, launchedAt: ended.launchedAt.microseconds,
                    terminatedAt: ended.terminatedAt.microseconds),
            ])
    }

    /// Forgets the instances that ended before a moment: their periods have been told. How many those were.
    @discardableResult
    public func forgetEnded(before moment: Timestamp) throws -> Int {
        try execute("DELETE FROM ended_instance WHERE terminated_at <= ?", [moment.microseconds])
    }

    /// Writes down how far something has come, in the same commit as what it did.
    public func setMark(_ name: String, _ value: String) throws {
        try execute(
            "INSERT INTO meta (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
            ["mark:\(name)", value])
    }

    public func mark(_ name: String) throws -> String? { try snapshot.mark(name) }

    public func ended(
        from beginning: Timestamp, until end: Timestamp, among range: (first: InstanceID, last: InstanceID)? = nil
    ) throws -> [EndedInstance] {
        try snapshot.ended(from: beginning, until: end, among: range)
    }
}

extension StoreSnapshot {
    /// How far something has come; nil where nothing says it.
    public func mark(_ name: String) throws -> String? {
        try storeErrors {
            let statement = try database.cachedStatement(sql: "SELECT value FROM meta WHERE name = ?")
            return try Row.fetchOne(statement, arguments: ["mark:\(name)"])?.text(0)
        }
    }

    /// Instances that are gone and were used between two moments, in the order of their ids; without those whose rows
    /// are damaged.
    ///
    /// - Parameter range: the first and the last of the ids that are of interest; nil for all.
    public func ended(
        from beginning: Timestamp, until end: Timestamp, among range: (first: InstanceID, last: InstanceID)? = nil
    ) throws -> [EndedInstance] {
        let first = range?.first.bits ?? UniqueBits(high: 0, low: 0)
        let last = range?.last.bits ?? UniqueBits(high: .max, low: .max)
        return try storeErrors {
            let cursor = try Row.fetchCursor(
                try database.cachedStatement(
                    sql: """
                        SELECT id, instance, payload, launched_at, terminated_at, sum FROM ended_instance
                        WHERE terminated_at > ? AND launched_at < ? AND instance BETWEEN ? AND ?
                        ORDER BY instance, id
                        """), arguments: [beginning.microseconds, end.microseconds, first.blob, last.blob])
            var found: [EndedInstance] = []
            while let row = try cursor.next() {
                let id = try row.instanceID(1)
                guard let id, let payload = try row.bytes(2), let launched = row.int64(3), let ended = row.int64(4),
                    RowSum.ended(id.bits, payload, launchedAt: launched, terminatedAt: ended) == row.int64(5),
                    let fields = (try? JSONParser.parse(payload))?.object
                else {
                    report(.usage, row[0], id, "what is to be told of an instance that is gone is damaged")
                    continue
                }
                found.append(
                    EndedInstance(
                        instance: id, payload: fields, launchedAt: row.timestamp(3), terminatedAt: row.timestamp(4)))
            }
            return found
        }
    }
}

extension RowSum {
    static func ended(_ id: UniqueBits, _ payload: [UInt8], launchedAt: Int64, terminatedAt: Int64) -> Int64 {
        var sum = RowSum(launchedAt)
        sum.add(id)
        sum.add(terminatedAt)
        sum.add(payload)
        return sum.column
    }
}
