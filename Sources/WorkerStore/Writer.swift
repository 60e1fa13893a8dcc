// SPDX-License-Identifier: Apache-2.0

internal import ComputeModel
internal import GRDB

/// The one connection that writes, with what it remembers.
///
/// @unchecked Sendable because after its making only the commit pump's thread (or who drives the pump in its place)
/// touches it.
final class Writer: @unchecked Sendable {
    private let queue: DatabaseQueue
    private let clock: any WallClock
    var memory = WriterMemory()
    let hash: SipHash
    let instances = InstanceIndex()
    let damage = DamageLog()
    /// What the log held when the database was opened.
    let log: LogReport
    private var commits = 0

    /// Takes an opened connection and reads from the tables what memory needs.
    init(queue: DatabaseQueue, clock: any WallClock, log: LogReport) throws {
        self.queue = queue
        self.log = log
        self.clock = clock
        hash = try queue.read { database in
            let row = try Row.fetchOne(database, sql: "SELECT value FROM meta WHERE name = 'hash-key'")
            guard let key = try row?.withUnsafeData(atIndex: 0, { $0.flatMap { UniqueBits(blob: $0) } }) else {
                throw StoreError(.damaged, "the database has lost its own key; restore it from a copy or remove it")
            }
            return SipHash(key: key)
        }
        try queue.read { try load($0) }
        let damaged = damage.taken()
        try commit([], striking: [], settingAside: damaged)
        commits = 0
    }

    private func load(_ database: Database) throws {
        memory.counters.unfinished = try Int.fetchOne(database, sql: "SELECT count(*) FROM pending") ?? 0
        memory.counters.outbox = try Int.fetchOne(database, sql: "SELECT count(*) FROM outbox") ?? 0
        memory.counters.nextOutboxID =
            try Int64.fetchOne(database, sql: "SELECT max(id) FROM outbox").map { $0 + 1 } ?? 1
        memory.counters.lastAddressedID =
            try Int64.fetchOne(database, sql: "SELECT max(id) FROM outbox WHERE kind IN (1, 2)") ?? 0
        let snapshot = StoreSnapshot(database: database, damage: damage)
        let cursor = try Row.fetchCursor(database, sql: "SELECT \(Row.endColumns) FROM journal ORDER BY id")
        var rows = 0
        var waiting = Set(try Int64.fetchAll(database, sql: "SELECT id FROM pending"))
        while let row = try cursor.next() {
            rows += 1
            let id: Int64 = row[0]
            memory.counters.nextJournalID = id + 1
            guard let sum = row.int64(11), try row.nameSum() == UInt32(truncatingIfNeeded: sum >> 32) else {
                waiting.remove(id)
                report(.journal, id, try row.instanceID(7), "the name of a request does not agree with its sum")
                continue
            }
            // Of those that wait, the first thousands are looked at whole below.
            if row[13] != DatabaseValue.null {
                if waiting.remove(id) == nil { _ = try snapshot.isSound(row) }
            } else if waiting.remove(id) == nil {
                memory.counters.unfinished += 1
                report(.body, id, try row.instanceID(7), "the message of a request is gone; it ends as refused")
            }
            if let name = try hash.name(ofUniqueIDColumn: row[1]) {
                memory.load(row: id, identified: name)
            } else if let name = try row.withUnsafeData(atIndex: 2, { $0.flatMap { UniqueBits(blob: $0) } }) {
                memory.load(row: id, unnamed: name)
            }
        }
        for id in waiting.sorted() {
            report(.journal, id, nil, "the record of a request is gone, and only its message is left; it ends as failed")
        }
        // Where all rows were forgotten, the last place of one that was.
        let last = try Row.fetchOne(database, sql: "SELECT value FROM meta WHERE name = 'last-entry'")?.int64(0) ?? 0
        memory.counters.nextJournalID = max(memory.counters.nextJournalID, last + 1)
        memory.counters.finished = rows + waiting.count - memory.counters.unfinished
        try loadInstances(database)
        try loadClaims(database)
        _ = try snapshot.resources()
        try loadQuarantine(database)
        // Rows that are to be worked on are looked at whole; what is behind the first thousands, when it is its turn.
        _ = try snapshot.unfinished(limit: 2000)
        let sequences = try Row.fetchCursor(database, sql: "SELECT instance, last FROM sequence")
        while let row = try sequences.next() {
            if let id = try row.instanceID(0) { memory.load(sequence: row.int64(1) ?? 0, of: id) }
        }
    }

    private func loadInstances(_ database: Database) throws {
        let cursor = try Row.fetchCursor(
            database,
            sql: """
                SELECT rowid, uuid, fields, network_info, details, updated_at, sum, rest_sum, sequence FROM instance
                """)
        while let row = try cursor.next() {
            let id = try row.instanceID(1)
            guard try row.isSoundInstance(uuid: 1, fields: 2, network: 3, details: 4, updatedAt: 5, sums: 6), let id
            else {
                report(.instance, row[0], id, "the record of an instance does not agree with its sum")
                continue
            }
            instances.insert(id)
            memory.load(sequence: row.int64(8) ?? 0, of: id)
        }
    }

    private func loadClaims(_ database: Database) throws {
        let cursor = try Row.fetchCursor(database, sql: "SELECT \(Row.claimColumns) FROM claim ORDER BY id")
        while let row = try cursor.next() {
            guard let claim = try row.claim() else {
                report(.claim, row[0], try row.instanceID(1), "what an instance claimed does not agree with its sum")
                continue
            }
            memory.claims.load(claim, row: row[0])
        }
        let last = try Int64.fetchOne(database, sql: "SELECT max(id) FROM claim") ?? 0
        memory.counters.nextClaimID = last + 1
    }

    private func loadQuarantine(_ database: Database) throws {
        memory.counters.quarantined = try Int.fetchOne(database, sql: "SELECT count(*) FROM quarantine") ?? 0
        damage.add(try QuarantinedRow.all(in: database, "ORDER BY id", []))
    }

    private func report(_ source: QuarantinedRow.Source, _ row: Int64, _ instance: InstanceID?, _ reason: String) {
        damage.report(
            DamageFinding(
                source: source, row: row, instance: instance, closesInstance: source.closesInstance, reason: reason))
    }

    /// How full the store is after the last commit.
    var levels: StoreLevels {
        StoreLevels(
            unfinished: memory.counters.unfinished, finished: memory.counters.finished,
            outbox: memory.counters.outbox, lastOutboxID: OutboxID(memory.counters.nextOutboxID - 1),
            lastAddressedID: OutboxID(memory.counters.lastAddressedID), quarantined: memory.counters.quarantined,
            commits: commits, claimed: memory.claims.total)
    }

    /// Runs all jobs and commits once; returns after the commit has reached the disk.
    ///
    /// A job that fails takes back what it did and leaves the others alone.
    ///
    /// - Throws: when nothing of all this was kept; the jobs must then be told so.
    func commit(
        _ jobs: [any WriteJob], striking strikes: [OutboxID], settingAside damaged: [DamageFinding] = []
    ) throws(StoreError) {
        if jobs.isEmpty && strikes.isEmpty && damaged.isEmpty { return }
        let before = memory.mark
        do {
            try queue.writeWithoutTransaction { database in
                do {
                    try database.beginTransaction(.immediate)
                    if try !runTogether(jobs, strikes, damaged, in: database) {
                        try database.rollback()
                        memory.undo(to: before)
                        try database.beginTransaction(.immediate)
                        try runApart(jobs, strikes, damaged, in: database)
                    }
                    try database.commit()
                } catch {
                    if database.isInsideTransaction { try? database.rollback() }
                    throw error
                }
            }
            instances.remove(memory.removedInstances)
            damage.release(memory.released)
            damage.add(memory.quarantined)
            damage.forget(memory.forgotten)
            damage.settle(damaged)
            memory.committed()
            commits += 1
        } catch {
            memory.undo(to: before)
            throw damage.noting(error)
        }
    }

    /// Runs the jobs in one transaction without anything between them; false where one of them failed, and then none is
    /// to be kept. A savepoint copies every page that its job touches, and jobs that fail are rare.
    private func runTogether(
        _ jobs: [any WriteJob], _ strikes: [OutboxID], _ damaged: [DamageFinding], in database: Database
    ) throws -> Bool {
        let transaction = StoreTransaction(writer: self, database: database, now: clock.now())
        try transaction.strike(strikes)
        for finding in damaged { try transaction.setAside(finding) }
        for job in jobs {
            guard let error = job.run(in: transaction) else { continue }
            // Some errors (a full disk) end the whole transaction: then there is nothing left to go on with.
            guard database.isInsideTransaction else { throw error }
            return false
        }
        try transaction.writeSequences()
        return true
    }

    /// The same with a savepoint around each job.
    private func runApart(
        _ jobs: [any WriteJob], _ strikes: [OutboxID], _ damaged: [DamageFinding], in database: Database
    ) throws {
        let transaction = StoreTransaction(writer: self, database: database, now: clock.now())
        try transaction.strike(strikes)
        for finding in damaged { try transaction.setAside(finding) }
        for job in jobs {
            let mark = memory.mark
            try database.cachedStatement(sql: "SAVEPOINT job").execute()
            if let error = job.run(in: transaction) {
                // Some errors (a full disk) end the whole transaction: then there is nothing left to go on with.
                guard database.isInsideTransaction else { throw error }
                try database.cachedStatement(sql: "ROLLBACK TO SAVEPOINT job").execute()
                memory.undo(to: mark)
            }
            try database.cachedStatement(sql: "RELEASE SAVEPOINT job").execute()
        }
        try transaction.writeSequences()
    }

    /// Copies back what the log holds and begins it anew, where the log itself may be what has filled the disk.
    func relieve() { _ = try? queue.writeWithoutTransaction { try $0.checkpoint(.truncate) } }

    /// Copies the log back into the database and empties it.
    func checkpoint() throws {
        _ = try queue.writeWithoutTransaction { try $0.checkpoint(.truncate) }
    }

    /// Closes the connection.
    func close() throws { try queue.close() }
}
