// SPDX-License-Identifier: Apache-2.0

public import ComputeModel
internal import FoundationEssentials
internal import GRDB

/// A consistent view of the store, valid inside one closure.
public struct StoreSnapshot: ~Copyable {
    let database: Database
    /// Who hears of damaged rows; nil where nobody sets them aside.
    let damage: DamageLog?

    init(database: Database, damage: DamageLog? = nil) {
        self.database = database
        self.damage = damage
    }

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
                    + "WHERE p.id > ? ORDER BY p.id", [previous?.value ?? 0], limit: limit)
        }
    }

    /// The unfinished row of that id, body included; nil where it is finished or unknown.
    public func entry(_ id: JournalID) throws -> JournalEntry? {
        try storeErrors {
            try entries(
                "SELECT \(Self.entryColumns), p.body FROM pending p JOIN journal j ON j.id = p.id WHERE p.id = ?",
                [id.value], limit: 1
            ).first
        }
    }

    /// Whether a request for an instance is unfinished, another than that of `id`.
    public func hasUnfinished(of instance: InstanceID, besides id: JournalID? = nil) throws -> Bool {
        try storeErrors {
            let statement = try database.cachedStatement(
                sql: "SELECT 1 FROM pending p JOIN journal j ON j.id = p.id WHERE j.instance = ? AND p.id <> ? LIMIT 1")
            return try Row.fetchOne(statement, arguments: [instance.bits.blob, id?.value ?? 0]) != nil
        }
    }

    /// The message as it came; nil once the row is finished, empty where the disk has damaged it. May hold secrets.
    public func body(of id: JournalID) throws -> [UInt8]? {
        try storeErrors {
            let statement = try database.cachedStatement(sql: "SELECT body, sum FROM pending WHERE id = ?")
            // Not a cursor's row: that one lives only as long as the cursor.
            guard let row = try Row.fetchOne(statement, arguments: [id.value]) else { return nil }
            guard try row.withBytes(0, { RowSum.body(id: id.value, $0) }) == row.int64(1) else {
                report(.body, id.value, nil, "the message of a request does not agree with its sum")
                return []
            }
            return try row.bytes(0)
        }
    }

    /// The finished row of that id, as long as it is kept.
    public func finishedEntry(_ id: JournalID) throws -> FinishedEntry? {
        try storeErrors {
            let statement = try database.cachedStatement(
                sql: "SELECT \(Row.endColumns) FROM journal WHERE id = ? AND finished_at IS NOT NULL")
            guard let row = try Row.fetchOne(statement, arguments: [id.value]), try isSound(row) else { return nil }
            return FinishedEntry(
                id: id, operation: row.text(6) ?? "", instance: try row.instanceID(7), requestID: row.text(8),
                outcome: row.text(12).flatMap { JournalOutcome(rawValue: $0) } ?? .failed,
                finishedAt: row.timestamp(13), lastError: row.text(14))
        }
    }

    /// The finished rows of an operation that succeeded, and all others that succeeded with a note, oldest first.
    public func succeeded(_ operation: String) throws -> [DoneWork] {
        try storeErrors {
            let cursor = try Row.fetchCursor(
                try database.cachedStatement(
                    sql: """
                        SELECT \(Row.endColumns) FROM journal
                        WHERE outcome = ? AND finished_at IS NOT NULL AND instance IS NOT NULL
                            AND (operation = ? OR last_error IS NOT NULL)
                        ORDER BY id
                        """), arguments: [JournalOutcome.succeeded.rawValue, operation])
            var found: [DoneWork] = []
            while let row = try cursor.next() {
                guard try isSound(row), let id = try row.instanceID(7), let name = row.text(6) else { continue }
                found.append(
                    DoneWork(instance: id, operation: name, receivedAt: row.timestamp(10), note: row.text(14)))
            }
            return found
        }
    }

    /// Whether a finished row, its columns as ``Row/endColumns`` names them, can be believed; one that can't is told.
    func isSound(_ row: Row) throws -> Bool {
        if try row.isSoundEnd() { return true }
        if let id = row.int64(0) {
            report(.journal, id, try row.instanceID(7), "the record of a done request does not agree with its sum")
        }
        return false
    }

    static let recordColumns = """
        j.id, j.unique_id, j.content_hash, j.form, j.method, j.version, j.operation, j.instance, j.request_id, \
        j.reply, j.received_at, j.sum, j.step, j.step_sum, j.attempts, j.last_error
        """

    private static let entryColumns = "\(recordColumns), j.outcome IS NOT NULL, p.sum"

    private func entries(_ sql: String, _ arguments: StatementArguments, limit: Int) throws -> [JournalEntry] {
        let cursor = try Row.fetchCursor(try database.cachedStatement(sql: sql), arguments: arguments)
        var entries: [JournalEntry] = []
        while entries.count < limit, let row = try cursor.next() {
            entries.append(try entry(row))
        }
        return entries
    }

    /// A row as an entry. One whose message or step is damaged has an empty message; one whose record is, is as what
    /// can be read of it.
    private func entry(_ row: Row) throws -> JournalEntry {
        let id: Int64 = row[0]
        guard try row.isSoundRecord() else {
            report(
                .journal, id, try row.instanceID(7),
                "the record of a request does not agree with its sum; it ends as failed")
            let body = try row.bytes(18)
            let isSound = body?.withUnsafeBytes { RowSum.body(id: id, $0) } == row.int64(17)
            return JournalEntry(
                id: JournalID(id), form: WireForm(column: Int(row.int64(3) ?? 0)), method: row.text(4) ?? "",
                version: row.text(5) ?? "", operation: JournalEntry.damagedOperation, instance: try row.instanceID(7),
                requestID: row.text(8), reply: row.text(9).flatMap { ReplyAddress(column: $0) },
                receivedAt: row.timestamp(10), body: body.map { isSound ? $0 : [] })
        }
        let instance = try row.instanceID(7)
        var (step, body) = (try row.bytes(12), try row.bytes(18))
        let stepSum = step.map { $0.withUnsafeBytes { RowSum.step(id: id, $0) } } ?? 0
        if stepSum != row.int64(13) {
            report(.step, id, instance, "how far a request had come does not agree with its sum; it ends as failed")
            (step, body) = (nil, body.map { _ in [] })
        }
        if let found = body, !found.isEmpty, found.withUnsafeBytes({ RowSum.body(id: id, $0) }) != row.int64(17) {
            report(.body, id, instance, "the message of a request does not agree with its sum; it ends as refused")
            (step, body) = (nil, [])
        }
        return JournalEntry(
            id: JournalID(id), form: WireForm(column: row[3]), uniqueID: Self.uniqueID(row[1]), method: row[4],
            version: row[5], operation: row[6], instance: instance, requestID: row[8],
            reply: row.text(9).flatMap { ReplyAddress(column: $0) }, receivedAt: row.timestamp(10), step: step,
            attempts: row[14], lastError: row.text(15), isCancelled: row[16], body: body)
    }

    func report(_ source: QuarantinedRow.Source, _ row: Int64, _ instance: InstanceID?, _ reason: String) {
        damage?.report(
            DamageFinding(
                source: source, row: row, instance: instance, closesInstance: source.closesInstance, reason: reason))
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
    ///
    /// - Throws: ``StoreError`` with `damaged` where its row does not agree with its sum; it is set aside then.
    public func instance(_ id: InstanceID) throws -> StoredInstance? {
        try storeErrors {
            try instances("WHERE uuid = ?", [id.bits.blob]) { _ in
                throw StoreError(
                    .damaged,
                    "the record of instance \(id) was damaged by the disk and is set aside; delete the instance")
            }.first
        }
    }

    /// All instances, by id; without those whose rows are damaged.
    public func instances() throws -> [StoredInstance] {
        try storeErrors { try instances("ORDER BY uuid", []) { _ in } }
    }

    private func instances(
        _ condition: String, _ arguments: StatementArguments, damaged: (InstanceID?) throws -> Void
    ) throws -> [StoredInstance] {
        let cursor = try Row.fetchCursor(
            try database.cachedStatement(
                sql: """
                    SELECT rowid, uuid, fields, network_info, details, updated_at, sum, rest_sum FROM instance
                    \(condition)
                    """), arguments: arguments)
        var found: [StoredInstance] = []
        while let row = try cursor.next() {
            guard try row.isSoundInstance(uuid: 1, fields: 2, network: 3, details: 4, updatedAt: 5, sums: 6),
                let fields = try Self.json(row, 2)?.object, let network = try Self.json(row, 3)?.array,
                let details = try Self.json(row, 4)?.object, let instance = try? Instance(fields: fields)
            else {
                let id = try row.instanceID(1)
                report(.instance, row[0], id, "the record of an instance does not agree with its sum")
                try damaged(id)
                continue
            }
            found.append(
                StoredInstance(
                    instance: instance, networkInfo: network, details: details, updatedAt: row.timestamp(5)))
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
        try storeErrors { try resources("WHERE instance = ? ORDER BY kind, name", [id.bits.blob]) }
    }

    /// Everything that was made for any instance, by instance.
    public func resources() throws -> [StoredResource] {
        try storeErrors { try resources("ORDER BY instance, kind, name", []) }
    }

    // MARK: Outbox

    /// Messages in the outbox in the order in which they were put there, those after `previous`, at most `limit`.
    public func outbox(
        _ part: OutboxPart = .everything, after previous: OutboxID? = nil, limit: Int
    ) throws -> [OutboxRow] {
        let filter =
            switch part {
            case .everything: ""
            case .addressed: " AND kind IN (1, 2)"
            case .events: " AND kind NOT IN (1, 2)"
            }
        return try storeErrors {
            try outboxRows("id > ?\(filter) ORDER BY id", [previous?.value ?? 0], limit: limit)
        }
    }

    /// The message of that id; nil where it was struck.
    public func outboxRow(_ id: OutboxID) throws -> OutboxRow? {
        try storeErrors { try outboxRows("id = ?", [id.value], limit: 1).first }
    }

    /// Whether a cast of an instance has not left yet; looks through the whole outbox.
    public func hasCast(of instance: InstanceID) throws -> Bool {
        try storeErrors {
            let statement = try database.cachedStatement(
                sql: "SELECT 1 FROM outbox WHERE kind = ? AND instance = ? LIMIT 1")
            let arguments: StatementArguments = [OutboxMessage.Kind.cast.rawValue, instance.bits.blob]
            return try Row.fetchOne(statement, arguments: arguments) != nil
        }
    }

    private func outboxRows(
        _ condition: String, _ arguments: StatementArguments, limit: Int
    ) throws -> [OutboxRow] {
        let statement = try database.cachedStatement(
            sql: """
                SELECT id, ordering_key, kind, exchange, routing_key, mandatory, headers, instance, created_at, body,
                    sequence, sum
                FROM outbox WHERE \(condition)
                """)
        let cursor = try Row.fetchCursor(statement, arguments: arguments)
        var found: [OutboxRow] = []
        while found.count < limit, let row = try cursor.next() {
            guard let sum = try row.outboxSum(), sum == row.int64(11) else {
                report(
                    .outbox, row[0], try row.instanceID(7), "a message that had not left does not agree with its sum")
                continue
            }
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
        do { return try body() } catch { throw damage?.noting(error) ?? StoreError.of(error) }
    }
}
