// SPDX-License-Identifier: Apache-2.0

internal import ComputeModel
internal import GRDB

/// The tables, and the way from each version of them to the next.
enum Schema {
    /// Says in the file's header that it is ours ("cwkr").
    static let applicationID = 0x6377_6B72

    /// One step from a version to the next; the place in the list is the version that it starts from.
    static let migrations: [@Sendable (Database) throws -> Void] = [
        createFirstVersion, createSecondVersion, createThirdVersion, createFourthVersion,
        createFifthVersion,
    ]

    /// The version that this worker writes.
    static var version: Int { migrations.count }

    /// What a sound database says of its tables, from the first to the last.
    private static let text: [String] = {
        let rows = try? DatabaseQueue().writeWithoutTransaction { database in
            try migrate(database, identifiers: RandomIdentifiers())
            return try statements(database)
        }
        return rows ?? []
    }()

    /// Whether the database says of its tables what this version has made of them.
    static func isSound(_ database: Database) throws -> Bool { try statements(database) == text }

    private static func statements(_ database: Database) throws -> [String] {
        try Row.fetchAll(database, sql: "SELECT type, name, tbl_name, sql FROM sqlite_schema ORDER BY rowid").map {
            "\($0[0] as DatabaseValue) \($0[1] as DatabaseValue) \($0[2] as DatabaseValue) \($0[3] as DatabaseValue)"
        }
    }

    /// Refuses a file that is not ours or was written by a newer worker.
    static func check(_ database: Database, path: String) throws {
        let application = try Int.fetchOne(database, sql: "PRAGMA application_id") ?? 0
        let found = try Int.fetchOne(database, sql: "PRAGMA user_version") ?? 0
        let isEmpty = try Int.fetchOne(database, sql: "SELECT count(*) FROM sqlite_schema") == 0
        guard application == applicationID || isEmpty else {
            throw StoreError(
                .damaged, "\(path) is a database of another program; give the worker a directory of its own")
        }
        guard found <= version else {
            throw StoreError(
                .newerSchema,
                "\(path) was written by a newer worker (version \(found) of the tables, this one knows \(version)); "
                    + "nothing was changed: start the newer worker, or give this one another directory")
        }
    }

    /// Brings the tables to the present version, each step in a transaction of its own.
    static func migrate(_ database: Database, identifiers: any IdentifierSource) throws {
        var found = try Int.fetchOne(database, sql: "PRAGMA user_version") ?? 0
        while found < version {
            try database.inTransaction(.immediate) {
                try migrations[found](database)
                if found == 0 {
                    try database.execute(
                        sql: "INSERT INTO meta (name, value) VALUES ('hash-key', ?)",
                        arguments: [identifiers.next().blob])
                }
                // PRAGMA takes no arguments; both numbers are ours.
                try database.execute(
                    sql: "PRAGMA user_version = \(found + 1); PRAGMA application_id = \(applicationID)")
                return .commit
            }
            found += 1
        }
    }

    /// `pending` holds the bodies of the unfinished rows and nothing else: its rows are the list of what is to be done,
    /// and scrubbing a body is deleting its row. `journal` rows stay small, so that a checkpoint rewrites little.
    private static func createFirstVersion(_ database: Database) throws {
        try database.execute(
            sql: """
                CREATE TABLE meta (name TEXT PRIMARY KEY, value ANY NOT NULL) STRICT, WITHOUT ROWID;
                CREATE TABLE journal (
                    id INTEGER PRIMARY KEY,
                    unique_id ANY,
                    content_hash BLOB,
                    form INTEGER NOT NULL,
                    method TEXT NOT NULL,
                    version TEXT NOT NULL,
                    operation TEXT NOT NULL,
                    instance BLOB,
                    request_id TEXT,
                    reply TEXT,
                    received_at INTEGER NOT NULL,
                    step BLOB,
                    attempts INTEGER NOT NULL DEFAULT 0,
                    last_error TEXT,
                    outcome TEXT,
                    finished_at INTEGER
                ) STRICT;
                CREATE TABLE pending (id INTEGER PRIMARY KEY, body BLOB NOT NULL) STRICT;
                CREATE TABLE instance (
                    uuid BLOB PRIMARY KEY,
                    fields BLOB NOT NULL,
                    network_info BLOB NOT NULL,
                    details BLOB NOT NULL,
                    updated_at INTEGER NOT NULL
                ) STRICT;
                CREATE TABLE resource (
                    instance BLOB NOT NULL,
                    kind TEXT NOT NULL,
                    name TEXT NOT NULL,
                    PRIMARY KEY (instance, kind, name)
                ) STRICT, WITHOUT ROWID;
                CREATE TABLE outbox (
                    id INTEGER PRIMARY KEY,
                    ordering_key TEXT NOT NULL,
                    kind INTEGER NOT NULL,
                    exchange TEXT NOT NULL,
                    routing_key TEXT NOT NULL,
                    mandatory INTEGER NOT NULL,
                    headers BLOB,
                    instance BLOB,
                    created_at INTEGER NOT NULL,
                    body BLOB NOT NULL
                ) STRICT;
                CREATE INDEX outbox_reply ON outbox (id) WHERE kind = 1;
                """)
    }

    /// A sum beside each row that finds a bit which the disk has turned over, the number of the last event of each
    /// instance, and a place for what was found damaged.
    private static func createSecondVersion(_ database: Database) throws {
        try database.execute(
            sql: """
                ALTER TABLE journal ADD COLUMN sum INTEGER NOT NULL DEFAULT 0;
                ALTER TABLE journal ADD COLUMN step_sum INTEGER NOT NULL DEFAULT 0;
                ALTER TABLE pending ADD COLUMN sum INTEGER NOT NULL DEFAULT 0;
                ALTER TABLE instance ADD COLUMN sequence INTEGER NOT NULL DEFAULT 0;
                ALTER TABLE instance ADD COLUMN sum INTEGER NOT NULL DEFAULT 0;
                ALTER TABLE instance ADD COLUMN rest_sum INTEGER NOT NULL DEFAULT 0;
                ALTER TABLE outbox ADD COLUMN sequence INTEGER;
                ALTER TABLE outbox ADD COLUMN sum INTEGER NOT NULL DEFAULT 0;
                CREATE TABLE sequence (
                    instance BLOB PRIMARY KEY,
                    last INTEGER NOT NULL,
                    changed_at INTEGER NOT NULL
                ) STRICT, WITHOUT ROWID;
                CREATE TABLE quarantine (
                    id INTEGER PRIMARY KEY,
                    source TEXT NOT NULL,
                    instance BLOB,
                    closes_instance INTEGER NOT NULL,
                    reason TEXT NOT NULL,
                    found_at INTEGER NOT NULL,
                    content BLOB NOT NULL
                ) STRICT;
                """)
        try SchemaSums.fill(database)
    }

    /// The calls to other services that were made for a request, kept as long as the request is, for who looks into what
    /// became of it; what instances have claimed of the host; and what is to be told of instances that are
    /// gone.
    private static func createThirdVersion(_ database: Database) throws {
        try database.execute(
            sql: """
                CREATE TABLE peer_call (
                    entry INTEGER NOT NULL,
                    n INTEGER NOT NULL,
                    peer TEXT NOT NULL,
                    method TEXT NOT NULL,
                    begun_at INTEGER NOT NULL,
                    ended_at INTEGER,
                    outcome TEXT,
                    sum INTEGER NOT NULL,
                    PRIMARY KEY (entry, n)
                ) STRICT, WITHOUT ROWID;
                CREATE TABLE claim (
                    id INTEGER PRIMARY KEY,
                    instance BLOB NOT NULL,
                    purpose TEXT NOT NULL,
                    vcpus INTEGER NOT NULL,
                    memory_mib INTEGER NOT NULL,
                    disk_gib INTEGER NOT NULL,
                    made_at INTEGER NOT NULL,
                    sum INTEGER NOT NULL
                ) STRICT;
                CREATE TABLE ended_instance (
                    id INTEGER PRIMARY KEY,
                    instance BLOB NOT NULL,
                    payload BLOB NOT NULL,
                    launched_at INTEGER NOT NULL,
                    terminated_at INTEGER NOT NULL,
                    sum INTEGER NOT NULL
                ) STRICT;
                """)
    }

    /// Which request's trace tells of a cast that is in the outbox.
    private static func createFourthVersion(_ database: Database) throws {
        try database.execute(
            sql: """
                CREATE TABLE cast_trace (
                    outbox INTEGER PRIMARY KEY,
                    entry INTEGER NOT NULL,
                    n INTEGER NOT NULL
                ) STRICT;
                """)
    }

    /// Sums of what was made for instances, and of how requests ended.
    private static func createFifthVersion(_ database: Database) throws {
        try database.execute(sql: "ALTER TABLE resource ADD COLUMN sum INTEGER NOT NULL DEFAULT 0")
        try SchemaSums.fillResources(database)
        try SchemaSums.fillEnds(database)
    }
}
