// SPDX-License-Identifier: Apache-2.0

public import ComputeModel
internal import FoundationEssentials
internal import GRDB

/// The journal as an operator looks at it: read-only, beside a worker that runs or one that does not.
///
/// Takes no lock of the directory and shows no body. What it says of a running worker is its last commit; whether a
/// row is being worked on only the worker knows. Every call blocks its thread for a look at the disk.
public final class JournalView: Sendable {
    private let queue: DatabaseQueue

    /// Opens the journal in a state directory.
    ///
    /// - Throws: ``StoreError``: `notAccessible` where there is none or it may not be read, `newerSchema` where a newer
    ///   worker wrote it.
    public static func open(directory: String) throws(StoreError) -> JournalView {
        let path = directory + "/" + StateDirectory.databaseName
        guard FileManager.default.fileExists(atPath: path) else {
            throw StoreError(.notAccessible, "there is no journal in \(directory); name the worker's state directory")
        }
        do {
            var settings = Configuration()
            settings.label = "worker-journal-view"
            settings.readonly = true
            settings.busyMode = .timeout(5)
            let queue = try DatabaseQueue(path: path, configuration: settings)
            try queue.read { try Schema.check($0, path: path) }
            return JournalView(queue: queue)
        } catch let error as DatabaseError where error.resultCode == .SQLITE_CANTOPEN {
            throw StoreError(
                .notAccessible, "the journal \(path) can't be opened; ask as the worker's user, or as root")
        } catch {
            throw StoreError.of(error)
        }
    }

    private init(queue: DatabaseQueue) { self.queue = queue }

    /// Rows that are not finished, in arrival order, those after `previous`, at most `limit`.
    public func unfinished(after previous: JournalID? = nil, limit: Int = 1000) throws(StoreError) -> [JournalLine] {
        try lines(
            "FROM pending p JOIN journal j ON j.id = p.id WHERE p.id > ? ORDER BY p.id LIMIT ?",
            [previous?.value ?? 0, limit])
    }

    /// Finished rows that are kept, the latest first.
    public func finished(limit: Int = 100) throws(StoreError) -> [JournalLine] {
        try lines("FROM journal j WHERE j.finished_at IS NOT NULL ORDER BY j.id DESC LIMIT ?", [limit])
    }

    /// One row, finished or not; nil where it is unknown or no longer kept.
    public func line(_ id: JournalID) throws(StoreError) -> JournalLine? {
        try lines("FROM journal j WHERE j.id = ?", [id.value]).first
    }

    /// What was made for an instance and is not known to be gone.
    public func resources(of id: InstanceID) throws(StoreError) -> [StoredResource] {
        try reading { database in
            // A worker that has never run in this version has no sums there.
            guard try database.columns(in: "resource").contains(where: { $0.name == "sum" }) else {
                return try Row.fetchAll(
                    database, sql: "SELECT kind, name FROM resource WHERE instance = ? ORDER BY kind, name",
                    arguments: [id.bits.blob]
                ).map { StoredResource(kind: $0[0], name: $0[1], instance: id) }
            }
            return try StoreSnapshot(database: database).resources(of: id)
        }
    }

    /// The calls to other services that were made for a request, in order.
    public func peerCalls(of id: JournalID) throws(StoreError) -> [PeerCallLine] {
        try reading { database in
            // A worker that has never run in this version has noted none.
            guard try database.tableExists("peer_call") else { return [] }
            return try StoreSnapshot(database: database).peerCalls(of: id)
        }
    }

    /// What the worker has found damaged and set aside, the latest first.
    public func quarantined(limit: Int = 100) throws(StoreError) -> [QuarantinedRow] {
        try reading { database in
            // A worker that has never run in this version has set nothing aside.
            guard try database.tableExists("quarantine") else { return [] }
            return try QuarantinedRow.all(in: database, "ORDER BY id DESC LIMIT ?", [limit])
        }
    }

    /// How many rows are not finished, and how many messages wait for the broker.
    public func counts() throws(StoreError) -> (unfinished: Int, outbox: Int) {
        try reading { database in
            (
                try Int.fetchOne(database, sql: "SELECT count(*) FROM pending") ?? 0,
                try Int.fetchOne(database, sql: "SELECT count(*) FROM outbox") ?? 0
            )
        }
    }

    private func lines(_ source: String, _ arguments: StatementArguments) throws(StoreError) -> [JournalLine] {
        try reading { database in
            let cursor = try Row.fetchCursor(
                database,
                sql: """
                    SELECT j.id, j.unique_id, j.method, j.operation, j.instance, j.request_id, j.reply IS NOT NULL,
                        j.received_at, j.step, j.attempts, j.last_error, j.outcome, j.finished_at
                    \(source)
                    """, arguments: arguments)
            var lines: [JournalLine] = []
            while let row = try cursor.next() {
                let step = try row.bytes(8).map { String(decoding: $0, as: UTF8.self) }
                lines.append(
                    JournalLine(
                        id: JournalID(row[0]), uniqueID: StoreSnapshot.uniqueID(row[1]),
                        method: row.text(2) ?? "?", operation: row.text(3) ?? "?", instance: try row.instanceID(4),
                        requestID: row.text(5), expectsReply: row[6],
                        receivedAt: row.timestamp(7), step: step, attempts: Int(row.int64(9) ?? 0),
                        lastError: row.text(10),
                        outcome: row.text(11).flatMap { JournalOutcome(rawValue: $0) },
                        finishedAt: row.int64(12).map { Timestamp(microseconds: $0) }))
            }
            return lines
        }
    }

    private func reading<Value>(_ body: (Database) throws -> Value) throws(StoreError) -> Value {
        do {
            return try queue.read(body)
        } catch {
            throw StoreError.of(error)
        }
    }
}
