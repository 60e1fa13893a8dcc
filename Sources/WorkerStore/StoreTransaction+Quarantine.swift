// SPDX-License-Identifier: Apache-2.0

public import ComputeModel
internal import FoundationEssentials
internal import GRDB

extension StoreTransaction {
    /// Forgets what damage of an instance was set aside: it is open again, to be built anew for instance.
    ///
    /// ``remove(_:)`` does this, too; call it where the instance has no row.
    public func release(_ id: InstanceID) throws {
        guard writer.damage.contains(id) else { return }
        let gone = try execute("DELETE FROM quarantine WHERE instance = ?", [id.bits.blob])
        writer.memory.counters.quarantined -= gone
        writer.memory.noteReleased(id)
    }

    /// Moves a damaged row to where it does no harm, with what is left of its bytes.
    func setAside(_ finding: DamageFinding) throws {
        var finding = finding
        let remains: Data?
        switch finding.source {
        case .instance: remains = try takeInstance(finding)
        case .journal: remains = try takeRequest(&finding)
        case .body, .step: remains = try scrubRequest(&finding)
        case .outbox:
            remains = try take("SELECT * FROM outbox WHERE id = ?", "DELETE FROM outbox WHERE id = ?", finding.row)
            if remains != nil { writer.memory.counters.outbox -= 1 }
        case .usage:
            remains = try take(
                "SELECT * FROM ended_instance WHERE id = ?", "DELETE FROM ended_instance WHERE id = ?", finding.row)
        case .resource: remains = try takeResource(finding.row)
        case .claim:
            remains = try take("SELECT * FROM claim WHERE id = ?", "DELETE FROM claim WHERE id = ?", finding.row)
        }
        // Nothing is left where the row was removed since it was looked at.
        guard let remains else { return }
        try execute(
            """
            INSERT INTO quarantine (source, instance, closes_instance, reason, found_at, content)
            VALUES (?, ?, ?, ?, ?, ?)
            """,
            [
                finding.source.rawValue, finding.instance?.bits.blob, finding.closesInstance, finding.reason,
                now.microseconds, remains,
            ])
        writer.memory.noteQuarantined(
            QuarantinedRow(
                id: database.lastInsertedRowID, source: finding.source, instance: finding.instance,
                closesInstance: finding.closesInstance, reason: finding.reason, foundAt: now))
    }

    private func take(_ look: String, _ removal: String, _ row: Int64) throws -> Data? {
        guard let found = try Row.fetchOne(database, sql: look, arguments: [row]) else { return nil }
        let remains = found.remains
        try execute(removal, [row])
        return remains
    }

    private func takeInstance(_ finding: DamageFinding) throws -> Data? {
        let (look, removal) = ("SELECT * FROM instance WHERE rowid = ?", "DELETE FROM instance WHERE rowid = ?")
        let remains: Data?
        do {
            remains = try take(look, removal, finding.row)
        } catch let error as StoreError where error.code == .damaged {
            // The bit is one of the uuid: the index names another one.
            try execute("REINDEX instance", [])
            remains = try take(look, removal, finding.row)
        }
        if remains != nil, let id = finding.instance {
            writer.memory.noteRemoved(id)
            writer.memory.noteSequence(of: id, isWritten: false)
        }
        return remains
    }

    /// The record of a request. One that waits stays, as what can be read of it, and ends with an event and a reply; of
    /// one that is done nothing is left.
    private func takeRequest(_ finding: inout DamageFinding) throws -> Data? {
        let row = try Row.fetchOne(
            database, sql: "SELECT \(StoreSnapshot.recordColumns), j.finished_at FROM journal j WHERE j.id = ?",
            arguments: [finding.row])
        let isPending =
            try Row.fetchOne(database, sql: "SELECT 1 FROM pending WHERE id = ?", arguments: [finding.row]) != nil
        if isPending { return try mendRequest(row, &finding) }
        let (look, removal) = ("SELECT * FROM journal WHERE id = ?", "DELETE FROM journal WHERE id = ?")
        guard let remains = try take(look, removal, finding.row) else { return nil }
        if let row, try keepName(row) { return remains }
        writer.memory.counters.finished -= 1
        return remains
    }

    /// Keeps of a finished row the name by which a repeat is known, where that is sound.
    private func keepName(_ row: Row) throws -> Bool {
        guard let id = row.int64(0), let sum = row.int64(11), let name = try row.nameSum(),
            name == UInt32(truncatingIfNeeded: sum >> 32)
        else { return false }
        let kept = RowSum.journal(
            id: id, name: name, form: 0, method: "", version: "", operation: JournalEntry.damagedOperation,
            instance: nil, requestID: nil, reply: nil, receivedAt: 0)
        let outcome = JournalOutcome.failed.rawValue
        try execute(
            """
            INSERT INTO journal (id, unique_id, content_hash, form, method, version, operation, received_at, sum,
                outcome, finished_at, step_sum) VALUES (?, ?, ?, 0, '', '', ?, 0, ?, ?, ?, ?)
            """,
            [
                id, row[1] as DatabaseValue, row[2] as DatabaseValue, JournalEntry.damagedOperation, kept, outcome,
                now.microseconds,
                RowSum.end(id: id, outcome: outcome, finishedAt: now.microseconds, error: nil),
            ])
        return true
    }

    private func mendRequest(_ row: Row?, _ finding: inout DamageFinding) throws -> Data? {
        // Mended since it was looked at.
        if let row, try row.isSoundRecord() { return nil }
        // What a begun request has left behind is not known any more.
        if let row, let id = finding.instance, row[12] != DatabaseValue.null { finding.closesInstance = try isKnown(id) }
        let method = row?.text(4) ?? ""
        let version = row?.text(5) ?? ""
        let (form, receivedAt) = (row?.int64(3) ?? 0, row?.int64(10) ?? 0)
        let (instance, requestID, reply) = (try row?.instanceID(7)?.bits, row?.text(8), row?.text(9))
        let sum = RowSum.journal(
            id: finding.row, name: RowSum.name(id: finding.row, bits: nil, text: nil, content: nil), form: form,
            method: method, version: version, operation: JournalEntry.damagedOperation, instance: instance,
            requestID: requestID, reply: reply, receivedAt: receivedAt)
        try execute(
            """
            INSERT OR REPLACE INTO journal (id, form, method, version, operation, instance, request_id, reply,
                received_at, sum, last_error) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
            """,
            [
                finding.row, form, method, version, JournalEntry.damagedOperation, instance?.blob, requestID, reply,
                receivedAt, sum, finding.reason,
            ])
        return row?.remains ?? Data()
    }

    /// The message and the step: the row stays, and ends with an event and a reply as one that can't be decoded.
    private func scrubRequest(_ finding: inout DamageFinding) throws -> Data? {
        let sql = """
            SELECT j.step, p.body FROM journal j LEFT JOIN pending p ON p.id = j.id
            WHERE j.id = ? AND j.finished_at IS NULL
            """
        guard let row = try Row.fetchOne(database, sql: sql, arguments: [finding.row]) else { return nil }
        let remains = row.remains
        // What a begun request has left behind is not known any more.
        if let id = finding.instance, row["step"] != DatabaseValue.null { finding.closesInstance = try isKnown(id) }
        let sum = RowSum.body(id: finding.row, UnsafeRawBufferPointer(start: nil, count: 0))
        try execute(
            """
            INSERT INTO pending (id, body, sum) VALUES (?, ?, ?)
            ON CONFLICT (id) DO UPDATE SET body = excluded.body, sum = excluded.sum
            """, [finding.row, Data(), sum])
        try execute(
            "UPDATE journal SET step = NULL, step_sum = 0, last_error = ? WHERE id = ?", [finding.reason, finding.row])
        return remains
    }

    private func isKnown(_ id: InstanceID) throws -> Bool {
        if writer.instances.mayHold(id) { return true }
        return try !snapshot.resources(of: id).isEmpty
    }
}
