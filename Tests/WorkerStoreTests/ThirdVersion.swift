// SPDX-License-Identifier: Apache-2.0

import Foundation
import GRDB

@testable import WorkerStore

/// A database as a worker whose tables are of the third version left it, word by word.
enum ThirdVersion {
    static func write(_ path: String) throws {
        let queue = try DatabaseQueue(path: path)
        try queue.write { database in
            try database.execute(sql: tables)
            try database.execute(sql: rows)
            try database.execute(sql: "PRAGMA user_version = 3; PRAGMA application_id = \(Schema.applicationID)")
        }
        try queue.close()
    }

    /// Every row of every table, by table.
    static func rows(in path: String) throws -> [String: [Row]] {
        let queue = try DatabaseQueue(path: path)
        defer { try? queue.close() }
        return try queue.read { database in
            try columns.reduce(into: [:]) { found, table in
                found[table.key] = try Row.fetchAll(database, sql: "SELECT \(table.value) FROM \(table.key)")
            }
        }
    }

    /// The columns that a table had, without that of the journal in which a later version keeps something else.
    private static let columns = [
        "meta": "name, value",
        "journal": """
            id, unique_id, content_hash, form, method, version, operation, instance, request_id, reply, received_at,
            step, attempts, last_error, outcome, finished_at, sum
            """,
        "pending": "id, body, sum",
        "instance": "uuid, fields, network_info, details, updated_at, sequence, sum, rest_sum",
        "resource": "instance, kind, name",
        "outbox": """
            id, ordering_key, kind, exchange, routing_key, mandatory, headers, instance, created_at, body, sequence, sum
            """,
        "sequence": "instance, last, changed_at",
        "quarantine": "id, source, instance, closes_instance, reason, found_at, content",
        "peer_call": "entry, n, peer, method, begun_at, ended_at, outcome, sum",
        "claim": "id, instance, purpose, vcpus, memory_mib, disk_gib, made_at, sum",
        "ended_instance": "id, instance, payload, launched_at, terminated_at, sum",
    ]

    private static let tables = """
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
        , sum INTEGER NOT NULL DEFAULT 0, step_sum INTEGER NOT NULL DEFAULT 0) STRICT;
        CREATE TABLE pending (id INTEGER PRIMARY KEY, body BLOB NOT NULL, sum INTEGER NOT NULL DEFAULT 0) STRICT;
        CREATE TABLE instance (
            uuid BLOB PRIMARY KEY,
            fields BLOB NOT NULL,
            network_info BLOB NOT NULL,
            details BLOB NOT NULL,
            updated_at INTEGER NOT NULL
        , sequence INTEGER NOT NULL DEFAULT 0, sum INTEGER NOT NULL DEFAULT 0, \
        rest_sum INTEGER NOT NULL DEFAULT 0) STRICT;
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
        , sequence INTEGER, sum INTEGER NOT NULL DEFAULT 0) STRICT;
        CREATE INDEX outbox_reply ON outbox (id) WHERE kind = 1;
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
        """

    private static let rows = """
        INSERT INTO meta VALUES ('hash-key', X'8724272b70dc4acbab86de7e6f85a5b3');
        INSERT INTO meta VALUES ('mark:usage-audit', '2012-11-01');
        INSERT INTO journal VALUES (1, 'done', NULL, 1, 'reboot_instance', '2.0', 'reboot_instance',
            X'00000000000000010000000000000002', 'req-1', NULL, 1000000, NULL, 0, NULL, 'succeeded', 1795464656409437,
            5920909666129492916, 0);
        INSERT INTO journal VALUES (2, 'waiting', NULL, 1, 'reboot_instance', '2.0', 'reboot_instance',
            X'00000000000000010000000000000002', 'req-1', NULL, 1000000, X'5b315d', 0, NULL, NULL, NULL,
            -307635366470056493, -7821952060062505750);
        INSERT INTO pending VALUES (2, X'7b2261726773223a207b7d7d', 1088618245680033144);
        INSERT INTO instance VALUES (X'00000000000000010000000000000002',
            X'7b2275756964223a2230303030303030302d303030302d303030312d303030302d3030303030303030303030\
        32222c22646973706c61795f6e616d65223a226f6c64227d',
            X'5b226e6574225d', X'7b22696d6167655f6d657461223a7b226b696e64223a22736572766572227d7d', 1795464656409437,
            1, -8673359015882553746, 1180528373008059372);
        INSERT INTO resource VALUES (X'00000000000000010000000000000002', 'domain', 'instance-00000001');
        INSERT INTO outbox VALUES (2, '00000000-0000-0001-0000-000000000003', 0, 'nova', 'notifications.info', 0, NULL,
            X'00000000000000010000000000000003', 1795464656409437, X'', 1, -4497363320377515267);
        INSERT INTO sequence VALUES (X'00000000000000010000000000000003', 1, 1795464656409437);
        INSERT INTO quarantine VALUES (1, 'outbox', X'00000000000000010000000000000002', 0,
            'a message that had not left does not agree with its sum', 1795464656409437,
            X'69643a20310a');
        INSERT INTO peer_call VALUES (2, 1, 'network', 'allocate_for_instance', 1795464656409437, 1795464656409437,
            'ok', 1227957664707541549);
        INSERT INTO claim VALUES (1, X'00000000000000010000000000000002', 'instance', 2, 512, 10, 1795464656409437,
            5443855651344183373);
        INSERT INTO ended_instance VALUES (1, X'00000000000000010000000000000003',
            X'7b227374617465223a2264656c65746564227d', 1, 2, -3783179031179487716);
        """
}
