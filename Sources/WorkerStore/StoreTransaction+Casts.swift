// SPDX-License-Identifier: Apache-2.0

public import ComputeModel
internal import GRDB

extension StoreTransaction {
    /// Writes down, among the calls of a request, a cast of it that is in the outbox.
    ///
    /// - Parameter topic: where it goes.
    public func beginCast(_ entry: JournalID, topic: String, method: String, _ message: OutboxID) throws {
        let number = try beginPeerCall(entry, peer: topic, method: method, outcome: "not sent yet")
        try execute(
            "INSERT OR REPLACE INTO cast_trace (outbox, entry, n) VALUES (?, ?, ?)",
            [message.value, entry.value, number])
    }

    /// Writes down what became of a cast; nothing happens where it is no known request's.
    public func endCast(_ message: OutboxID, outcome: String) throws {
        do {
            let statement = try database.cachedStatement(
                sql: "DELETE FROM cast_trace WHERE outbox = ? RETURNING entry, n")
            guard let row = try Row.fetchOne(statement, arguments: [message.value]), let entry = row.int64(0),
                let number = row.int64(1)
            else { return }
            try endPeerCall(JournalID(entry), Int(number), outcome: outcome)
        } catch {
            throw StoreError.of(error)
        }
    }

    /// Removes the casts of an instance that have not left yet, and says how many; looks through the whole outbox.
    @discardableResult
    public func strikeCasts(of instance: InstanceID) throws -> Int {
        do {
            let statement = try database.cachedStatement(
                sql: "DELETE FROM outbox WHERE kind = ? AND instance = ? RETURNING id")
            let gone = try Int64.fetchAll(
                statement, arguments: [OutboxMessage.Kind.cast.rawValue, instance.bits.blob])
            for id in gone { try endCast(OutboxID(id), outcome: "taken back") }
            writer.memory.counters.outbox -= gone.count
            return gone.count
        } catch {
            throw StoreError.of(error)
        }
    }

    /// Whether a message stands in the outbox still.
    public func isInOutbox(_ id: OutboxID) throws -> Bool {
        do {
            let statement = try database.cachedStatement(sql: "SELECT 1 FROM outbox WHERE id = ?")
            return try Row.fetchOne(statement, arguments: [id.value]) != nil
        } catch {
            throw StoreError.of(error)
        }
    }
}
