// SPDX-License-Identifier: Apache-2.0

internal import ComputeModel
internal import GRDB

extension StoreTransaction {
    /// How many calls are kept of a request, from its first and from its last: one that asks again and again for as long
    /// as nobody answers fills no disk.
    static let keptPeerCalls = 32

    /// Writes down that another service is about to be asked for a request; the place of the call among its others.
    ///
    /// - Parameter outcome: what there is to say of it while it has no end.
    public func beginPeerCall(
        _ entry: JournalID, peer: String, method: String, outcome: String? = nil
    ) throws -> Int {
        let last = try database.cachedStatement(sql: "SELECT max(n) FROM peer_call WHERE entry = ?")
        do {
            let number = try (Int.fetchOne(last, arguments: [entry.value]) ?? 0) + 1
            try execute(
                """
                INSERT INTO peer_call (entry, n, peer, method, begun_at, ended_at, outcome, sum)
                VALUES (?, ?, ?, ?, ?, NULL, ?, ?)
                """,
                [
                    entry.value, number, peer, method, now.microseconds, outcome,
                    RowSum.peerCall(
                        entry: entry.value, number: number, peer: peer, method: method,
                        begunAt: now.microseconds, endedAt: nil, outcome: outcome),
                ])
            if number > 2 * Self.keptPeerCalls {
                try execute(
                    "DELETE FROM peer_call WHERE entry = ? AND n = ?", [entry.value, number - Self.keptPeerCalls])
            }
            return number
        } catch {
            throw StoreError.of(error)
        }
    }

    /// Writes down how a call to another service ended; nothing happens where it is not known.
    public func endPeerCall(_ entry: JournalID, _ number: Int, outcome: String) throws {
        let begun = try database.cachedStatement(
            sql: "SELECT peer, method, begun_at FROM peer_call WHERE entry = ? AND n = ?")
        do {
            guard let row = try Row.fetchOne(begun, arguments: [entry.value, number]), let peer = row.text(0),
                let method = row.text(1), let begunAt = row.int64(2)
            else { return }
            try execute(
                "UPDATE peer_call SET ended_at = ?, outcome = ?, sum = ? WHERE entry = ? AND n = ?",
                [
                    now.microseconds, outcome,
                    RowSum.peerCall(
                        entry: entry.value, number: number, peer: peer, method: method, begunAt: begunAt,
                        endedAt: now.microseconds, outcome: outcome),
                    entry.value, number,
                ])
        } catch {
            throw StoreError.of(error)
        }
    }
}

extension StoreSnapshot {
    /// The calls to other services that were made for a request, in order; without those whose rows are damaged.
    public func peerCalls(of entry: JournalID) throws -> [PeerCallLine] {
        try storeErrors {
            let cursor = try Row.fetchCursor(
                try database.cachedStatement(
                    sql: """
                        SELECT n, peer, method, begun_at, ended_at, outcome, sum FROM peer_call
                        WHERE entry = ? ORDER BY n
                        """), arguments: [entry.value])
            var found: [PeerCallLine] = []
            while let row = try cursor.next() {
                guard let number = row.int64(0), let peer = row.text(1), let method = row.text(2),
                    let begunAt = row.int64(3),
                    RowSum.peerCall(
                        entry: entry.value, number: Int(number), peer: peer, method: method, begunAt: begunAt,
                        endedAt: row.int64(4), outcome: row.text(5)) == row.int64(6)
                else { continue }
                found.append(
                    PeerCallLine(
                        number: Int(number), peer: peer, method: method, begunAt: Timestamp(microseconds: begunAt),
                        endedAt: row.int64(4).map { Timestamp(microseconds: $0) }, outcome: row.text(5)))
            }
            return found
        }
    }
}

extension RowSum {
    fileprivate static func peerCall(
        entry: Int64, number: Int, peer: String, method: String, begunAt: Int64, endedAt: Int64?, outcome: String?
    ) -> Int64 {
        var sum = RowSum(entry)
        sum.add(Int64(number))
        sum.add(peer)
        sum.add(method)
        sum.add(begunAt)
        sum.add(endedAt ?? 0)
        sum.add(outcome)
        return sum.column
    }
}
