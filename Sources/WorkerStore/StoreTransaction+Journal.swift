// SPDX-License-Identifier: Apache-2.0

public import ComputeModel
internal import FoundationEssentials
internal import GRDB

extension StoreTransaction {
    /// Takes a message into the journal, unless it is there already.
    ///
    /// A message with an id of its own is known by it. One without is known by its content, and only if the broker
    /// delivered it before, and as often as it was journaled on earlier connections: two equal casts are two wishes.
    ///
    /// - Parameter isRenewed: whether a message that is there and finished is a new one all the same.
    public func accept(_ entry: NewJournalEntry, isRenewed: Bool = false) throws -> Acceptance {
        let uniqueID = entry.summary.uniqueID
        let bits = uniqueID.flatMap { UniqueBits(lowerHex: $0) }
        let name: UniqueBits
        if let uniqueID {
            name = bits ?? writer.hash.hash(uniqueID)
            if let row = writer.memory.row(identified: name) {
                let duplicate = try duplicate(of: row)
                guard isRenewed, case .duplicate(_, finished: true) = duplicate else { return duplicate }
            }
        } else {
            name = writer.hash.hash(entry.body)
            if entry.isRedelivered, let row = writer.memory.takeRepeat(unnamed: name, on: entry.connection) {
                return try duplicate(of: row)
            }
        }
        let id = writer.memory.counters.nextJournalID
        let summary = entry.summary
        let reply = summary.reply?.column
        let sum = RowSum.journal(
            id: id,
            name: RowSum.name(
                id: id, bits: bits, text: bits == nil ? uniqueID : nil, content: uniqueID == nil ? name : nil),
            form: Int64(summary.form.column), method: summary.method, version: summary.version,
            operation: entry.operation, instance: summary.instance?.bits, requestID: summary.requestID, reply: reply,
            receivedAt: entry.receivedAt.microseconds)
        let uniqueColumn: DatabaseValue = bits?.blob.databaseValue ?? uniqueID?.databaseValue ?? .null
        try execute(
            """
            INSERT INTO journal (id, unique_id, content_hash, form, method, version, operation, instance, request_id,
                reply, received_at, sum) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
            """,
            [
                id, uniqueColumn, uniqueID == nil ? name.blob : nil, summary.form.column, summary.method,
                summary.version, entry.operation, summary.instance?.bits.blob, summary.requestID,
                reply, entry.receivedAt.microseconds, sum,
            ])
        let bodySum = entry.body.withUnsafeBytes { RowSum.body(id: id, $0) }
        try entry.body.withBlob { body in
            _ = try execute("INSERT INTO pending (id, body, sum) VALUES (?, ?, ?)", [id, body, bodySum])
        }
        writer.memory.counters.nextJournalID += 1
        writer.memory.counters.unfinished += 1
        if uniqueID == nil {
            writer.memory.add(unnamed: name, row: id, on: entry.connection)
        } else {
            writer.memory.set(identified: name, to: id)
        }
        return .accepted(JournalID(id))
    }

    private func duplicate(of row: Int64) throws -> Acceptance {
        do {
            let statement = try database.cachedStatement(sql: "SELECT 1 FROM pending WHERE id = ?")
            let isPending = try Int.fetchOne(statement, arguments: [row]) != nil
            return .duplicate(of: JournalID(row), finished: !isPending)
        } catch {
            throw StoreError.of(error)
        }
    }

    /// Notes how far the work on an unfinished row has come.
    ///
    /// - Throws: ``StoreError`` with `noSuchEntry` where the row is finished or unknown.
    public func checkpoint(_ id: JournalID, step: [UInt8]) throws {
        let changed = try execute(
            "UPDATE journal SET step = ?, step_sum = ? WHERE id = ? AND finished_at IS NULL",
            [Data(step), step.withUnsafeBytes { RowSum.step(id: id.value, $0) }, id.value])
        guard changed == 1 else { throw Self.noSuchEntry(id) }
    }

    /// Counts one more beginning of the work on an unfinished row, and says how many there were.
    ///
    /// - Throws: ``StoreError`` with `noSuchEntry` where the row is finished or unknown.
    @discardableResult
    public func countAttempt(_ id: JournalID, lastError: String? = nil) throws -> Int {
        do {
            let statement = try database.cachedStatement(
                sql: """
                    UPDATE journal SET attempts = attempts + 1, last_error = coalesce(?, last_error)
                    WHERE id = ? AND finished_at IS NULL RETURNING attempts
                    """)
            guard let attempts = try Int.fetchOne(statement, arguments: [lastError, id.value]) else {
                throw Self.noSuchEntry(id)
            }
            return attempts
        } catch {
            throw StoreError.of(error)
        }
    }

    /// Notes why an unfinished row does not get on; nothing happens where it is finished or unknown.
    public func noteError(_ id: JournalID, _ text: String) throws {
        try execute("UPDATE journal SET last_error = ? WHERE id = ? AND finished_at IS NULL", [text, id.value])
    }

    /// Takes back that work on an unfinished row was begun: it was left in good order.
    public func forgetAttempt(_ id: JournalID) throws {
        try execute(
            "UPDATE journal SET attempts = attempts - 1 WHERE id = ? AND finished_at IS NULL AND attempts > 0",
            [id.value])
    }

    /// Notes that an unfinished row is to be given up, whoever works on it next: its outcome, written ahead.
    ///
    /// - Returns: false where it is finished or unknown.
    @discardableResult
    public func wishCancelled(_ id: JournalID) throws -> Bool {
        try execute(
            "UPDATE journal SET outcome = ? WHERE id = ? AND finished_at IS NULL",
            [JournalOutcome.cancelled.rawValue, id.value]) == 1
    }

    /// Ends a row: its body and its step are erased, what is left recognises a repeat.
    ///
    /// - Returns: false where it was finished before or is unknown; nothing is changed then.
    @discardableResult
    public func finish(_ id: JournalID, outcome: JournalOutcome, error: String? = nil) throws -> Bool {
        guard try execute("DELETE FROM pending WHERE id = ?", [id.value]) == 1 else { return false }
        if try !end(id, outcome, error: error, "AND last_error IS NULL") {
            let noted = try database.cachedStatement(sql: "SELECT last_error FROM journal WHERE id = ?")
            _ = try end(id, outcome, error: error ?? Row.fetchOne(noted, arguments: [id.value])?.text(0))
        }
        writer.memory.counters.unfinished -= 1
        writer.memory.counters.finished += 1
        return true
    }

    /// Writes how a row ended; false where the condition does not hold.
    private func end(
        _ id: JournalID, _ outcome: JournalOutcome, error: String?, _ condition: String = ""
    ) throws -> Bool {
        let sum = RowSum.end(
            id: id.value, outcome: outcome.rawValue, finishedAt: now.microseconds, error: error)
        return try execute(
            """
            UPDATE journal SET outcome = ?, finished_at = ?, step = NULL, step_sum = ?, last_error = ?
                WHERE id = ? \(condition)
            """, [outcome.rawValue, now.microseconds, sum, error, id.value]) == 1
    }

    /// Forgets finished rows, oldest first: those finished before `moment`, and those beyond the newest `count`.
    ///
    /// A repeat of a message that is forgotten is new. Handles at most `limit` rows, so that no commit gets long. With
    /// the rows of that age go the counts of the events of instances that are gone, and what was found damaged and
    /// closes no instance.
    ///
    /// - Returns: how many were forgotten; call again while it is `limit`.
    @discardableResult
    public func prune(finishedBefore moment: Timestamp, keepingAtMost count: Int, limit: Int = 1000) throws -> Int {
        let excess = writer.memory.counters.finished - count
        let isByAge = moment.microseconds > .min
        guard excess > 0 || isByAge else { return 0 }
        do {
            if isByAge { try forgetTraces(before: moment, limit: limit) }
            // Unfinished rows are few against finished ones, and the oldest rows are looked at first.
            let cursor = try Row.fetchCursor(
                try database.cachedStatement(
                    sql: """
                        SELECT id, unique_id, content_hash, finished_at FROM journal
                        WHERE finished_at IS NOT NULL ORDER BY id LIMIT ?
                        """), arguments: [limit])
            var victims: [Int64] = []
            while let row = try cursor.next() {
                guard victims.count < excess || row.timestamp(3) < moment else { break }
                let id: Int64 = row[0]
                victims.append(id)
                if let name = try writer.hash.name(ofUniqueIDColumn: row[1]) {
                    writer.memory.remove(identified: name, of: id)
                } else if let name = try row.withUnsafeData(atIndex: 2, { $0.flatMap { UniqueBits(blob: $0) } }) {
                    writer.memory.remove(unnamed: name)
                }
            }
            for id in victims {
                try execute("DELETE FROM journal WHERE id = ?", [id])
                try execute("DELETE FROM peer_call WHERE entry = ?", [id])
            }
            if let last = victims.last, last == writer.memory.counters.nextJournalID - 1 {
                // No row says any more which places were given away.
                try execute(
                    """
                    INSERT INTO meta (name, value) VALUES ('last-entry', ?)
                    ON CONFLICT (name) DO UPDATE SET value = excluded.value
                    """, [last])
            }
            writer.memory.counters.finished -= victims.count
            return victims.count
        } catch {
            throw StoreError.of(error)
        }
    }

    private func forgetTraces(before moment: Timestamp, limit: Int) throws {
        let arguments: StatementArguments = [moment.microseconds, limit]
        let gone = try Row.fetchAll(
            // The last event of an instance that is gone may still be to come: that it was there in its period.
            try database.cachedStatement(
                sql: """
                    SELECT instance FROM sequence WHERE changed_at < ?
                    AND instance NOT IN (SELECT instance FROM ended_instance) LIMIT ?
                    """),
            arguments: arguments
        ).compactMap { try $0.instanceID(0) }
        for id in gone {
            try execute("DELETE FROM sequence WHERE instance = ?", [id.bits.blob])
            // One that has come back counts on in its row.
            if !writer.instances.mayHold(id) { writer.memory.forgetSequence(of: id) }
        }
        let damaged = try Int64.fetchAll(
            try database.cachedStatement(
                sql: "SELECT id FROM quarantine WHERE found_at < ? AND NOT closes_instance LIMIT ?"),
            arguments: arguments)
        for id in damaged { try execute("DELETE FROM quarantine WHERE id = ?", [id]) }
        writer.memory.counters.quarantined -= damaged.count
        writer.memory.noteForgotten(damaged)
        // What is kept of a closed instance says that it is closed; its bytes may hold secrets.
        try execute(
            "UPDATE quarantine SET content = ? WHERE found_at < ? AND length(content) > 0",
            [Data(), moment.microseconds])
    }

    public func unfinished(
        after previous: JournalID? = nil, limit: Int, carryingBodies: Bool = true
    ) throws -> [JournalEntry] {
        try snapshot.unfinished(after: previous, limit: limit, carryingBodies: carryingBodies)
    }

    public func entry(_ id: JournalID) throws -> JournalEntry? { try snapshot.entry(id) }

    public func hasUnfinished(of instance: InstanceID, besides id: JournalID? = nil) throws -> Bool {
        try snapshot.hasUnfinished(of: instance, besides: id)
    }

    public func body(of id: JournalID) throws -> [UInt8]? { try snapshot.body(of: id) }

    public func finishedEntry(_ id: JournalID) throws -> FinishedEntry? { try snapshot.finishedEntry(id) }

    /// Finished rows that are kept, this closure's included.
    public var finishedCount: Int { writer.memory.counters.finished }

    private static func noSuchEntry(_ id: JournalID) -> StoreError {
        StoreError(.noSuchEntry, "entry \(id) of the journal is finished or was never there")
    }
}

extension SipHash {
    /// The key under which memory knows a row with that value in its `unique_id`; nil for a row without one.
    func name(ofUniqueIDColumn value: DatabaseValue) throws -> UniqueBits? {
        switch value.storage {
        case .blob(let data): UniqueBits(blob: data)
        case .string(let text): hash(text)
        default: nil
        }
    }
}
