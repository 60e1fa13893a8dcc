// SPDX-License-Identifier: Apache-2.0

public import ComputeModel
internal import FoundationEssentials
internal import GRDB

/// A consistent view of the store, valid inside one closure.
public struct StoreSnapshot: ~Copyable {
    let database: Database

    // MARK: Journal

    /// Unfinished rows in arrival order, those after `previous`, at most `limit`.
    ///
    /// - Parameter carryingBodies: whether the entries hold their bodies; thousands of them may be large.
    public func unfinished(
        after previous: JournalID? = nil, limit: Int, carryingBodies: Bool = true
    ) throws -> [JournalEntry] {
        let body = carryingBodies ? "p.body" : "NULL"
        return try storeErrors {
            try entries(
                "SELECT \(Self.entryColumns), \(body) FROM pending p JOIN journal j ON j.id = p.id "
                    + "WHERE p.id > ? ORDER BY p.id LIMIT ?", [previous?.value ?? 0, limit])
        }
    }

    /// The unfinished row of that id, body included; nil where it is finished or unknown.
    public func entry(_ id: JournalID) throws -> JournalEntry? {
        try storeErrors {
            try entries(
                "SELECT \(Self.entryColumns), p.body FROM pending p JOIN journal j ON j.id = p.id WHERE p.id = ?",
                [id.value]
            ).first
        }
    }

    /// The message as it came; nil once the row is finished. May hold secrets.
    public func body(of id: JournalID) throws -> [UInt8]? {
        try storeErrors {
            let statement = try database.cachedStatement(sql: "SELECT body FROM pending WHERE id = ?")
            // Not a cursor's row: that one lives only as long as the cursor.
            return try Row.fetchOne(statement, arguments: [id.value])?.bytes(0)
        }
    }

    /// The finished row of that id, as long as it is kept.
    public func finishedEntry(_ id: JournalID) throws -> FinishedEntry? {
        try storeErrors {
            let statement = try database.cachedStatement(
                sql: """
                    SELECT operation, instance, request_id, outcome, finished_at, last_error
                    FROM journal WHERE id = ? AND finished_at IS NOT NULL
                    """)
            guard let row = try Row.fetchOne(statement, arguments: [id.value]) else { return nil }
            return FinishedEntry(
                id: id, operation: row[0], instance: try row.instanceID(1), requestID: row[2],
                outcome: JournalOutcome(rawValue: row[3]) ?? .failed, finishedAt: row.timestamp(4), lastError: row[5])
        }
    }

    /// The instances of the finished rows of an operation that succeeded, with the arrival of the request, oldest first.
    public func succeeded(_ operation: String) throws -> [(InstanceID, Timestamp)] {
        try storeErrors {
            let cursor = try Row.fetchCursor(
                try database.cachedStatement(
                    sql: """
                        SELECT instance, received_at FROM journal
                        WHERE operation = ? AND outcome = ? AND finished_at IS NOT NULL AND instance IS NOT NULL
                        ORDER BY id
                        """), arguments: [operation, JournalOutcome.succeeded.rawValue])
            var found: [(InstanceID, Timestamp)] = []
            while let row = try cursor.next() {
                if let id = try row.instanceID(0) { found.append((id, row.timestamp(1))) }
            }
            return found
        }
    }

    private static let entryColumns = """
        j.id, j.form, j.unique_id, j.method, j.version, j.operation, j.instance, j.request_id, j.reply, \
        j.received_at, j.step, j.attempts, j.last_error, j.outcome IS NOT NULL
        """

    private func entries(_ sql: String, _ arguments: StatementArguments) throws -> [JournalEntry] {
        let cursor = try Row.fetchCursor(try database.cachedStatement(sql: sql), arguments: arguments)
        var entries: [JournalEntry] = []
        while let row = try cursor.next() {
            entries.append(
                JournalEntry(
                    id: JournalID(row[0]), form: WireForm(column: row[1]), uniqueID: Self.uniqueID(row[2]),
                    method: row[3], version: row[4], operation: row[5], instance: try row.instanceID(6), requestID: row[7],
                    reply: (row[8] as String?).flatMap { ReplyAddress(column: $0) }, receivedAt: row.timestamp(9),
                    step: try row.bytes(10), attempts: row[11], lastError: row[12], isCancelled: row[13],
                    body: try row.bytes(14)))
        }
        return entries
    }

    /// The sender's id in the form in which it came.
    static func uniqueID(_ value: DatabaseValue) -> String? {
        switch value.storage {
        case .blob(let data): UniqueBits(blob: data)?.hex
        case .string(let text): text
        default: nil
        }
    }

    // MARK: Instances

    /// The instance of that id.
    public func instance(_ id: InstanceID) throws -> StoredInstance? {
        try storeErrors {
            try instances(
                "SELECT uuid, fields, network_info, details, updated_at FROM instance WHERE uuid = ?", [id.bits.blob]
            ).first
        }
    }

    /// All instances, by id.
    public func instances() throws -> [StoredInstance] {
        try storeErrors {
            try instances("SELECT uuid, fields, network_info, details, updated_at FROM instance ORDER BY uuid", [])
        }
    }

    private func instances(_ sql: String, _ arguments: StatementArguments) throws -> [StoredInstance] {
        let cursor = try Row.fetchCursor(try database.cachedStatement(sql: sql), arguments: arguments)
        var found: [StoredInstance] = []
        while let row = try cursor.next() {
            // What is read here was written by us from valid values; anything else is damage.
            guard let fields = try Self.json(row, 1)?.object, let network = try Self.json(row, 2)?.array,
                let details = try Self.json(row, 3)?.object, let instance = try? Instance(fields: fields)
            else {
                throw StoreError(.damaged, "the row of an instance can't be read; restore the database from a copy")
            }
            found.append(
                StoredInstance(
                    instance: instance, networkInfo: network, details: details, updatedAt: row.timestamp(4)))
        }
        return found
    }

    private static func json(_ row: Row, _ index: Int) throws -> JSONValue? {
        guard let bytes = try row.bytes(index) else { return nil }
        return try? JSONParser.parse(bytes)
    }

    // MARK: Resources

    /// What was made for an instance and is not known to be gone, in no particular order of making.
    public func resources(of id: InstanceID) throws -> [StoredResource] {
        try storeErrors {
            let statement = try database.cachedStatement(
                sql: "SELECT kind, name FROM resource WHERE instance = ? ORDER BY kind, name")
            let cursor = try Row.fetchCursor(statement, arguments: [id.bits.blob])
            var found: [StoredResource] = []
            while let row = try cursor.next() {
                found.append(StoredResource(kind: row[0], name: row[1], instance: id))
            }
            return found
        }
    }

    /// Everything that was made for any instance, by instance.
    public func resources() throws -> [StoredResource] {
        try storeErrors {
            let statement = try database.cachedStatement(
                sql: "SELECT kind, name, instance FROM resource ORDER BY instance, kind, name")
            let cursor = try Row.fetchCursor(statement)
            var found: [StoredResource] = []
            while let row = try cursor.next() {
                guard let id = try row.instanceID(2) else { continue }
                found.append(StoredResource(kind: row[0], name: row[1], instance: id))
            }
            return found
        }
    }

    // MARK: Outbox

    /// Messages in the outbox in the order in which they were put there, those after `previous`, at most `limit`.
    public func outbox(
        _ part: OutboxPart = .everything, after previous: OutboxID? = nil, limit: Int
    ) throws -> [OutboxRow] {
        let filter =
            switch part {
            case .everything: ""
            case .replies: " AND kind = 1"
            case .allButReplies: " AND kind <> 1"
            }
        return try storeErrors {
            try outboxRows("id > ?\(filter) ORDER BY id LIMIT ?", [previous?.value ?? 0, limit])
        }
    }

    /// The message of that id; nil where it was struck.
    public func outboxRow(_ id: OutboxID) throws -> OutboxRow? {
        try storeErrors { try outboxRows("id = ?", [id.value]).first }
    }

    private func outboxRows(_ condition: String, _ arguments: StatementArguments) throws -> [OutboxRow] {
        let statement = try database.cachedStatement(
            sql: """
                SELECT id, ordering_key, kind, exchange, routing_key, mandatory, headers, instance, created_at, body,
                    sequence
                FROM outbox WHERE \(condition)
                """)
        let cursor = try Row.fetchCursor(statement, arguments: arguments)
        var found: [OutboxRow] = []
        while let row = try cursor.next() {
            var headers: [String: String] = [:]
            for member in try Self.json(row, 6)?.object?.members ?? [] { headers[member.key] = member.value.string }
            let message = OutboxMessage(
                orderingKey: row[1], kind: OutboxMessage.Kind(rawValue: row[2]) ?? .notification, exchange: row[3],
                routingKey: row[4], isMandatory: row[5], headers: headers, body: try row.bytes(9) ?? [],
                instance: try row.instanceID(7))
            found.append(
                OutboxRow(
                    id: OutboxID(row[0]), message: message, createdAt: row.timestamp(8), sequence: row[10]))
        }
        return found
    }

    /// Runs `body` with SQLite's errors in our terms.
    func storeErrors<Value>(_ body: () throws -> Value) throws -> Value {
        do { return try body() } catch { throw StoreError.of(error) }
    }
}
