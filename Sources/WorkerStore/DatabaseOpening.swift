// SPDX-License-Identifier: Apache-2.0

internal import ComputeModel
internal import GRDB

/// Opens the connections with the settings on which the store's promises rest.
struct DatabaseOpening {
    let configuration: StoreConfiguration
    /// The locked directory; nil where a VFS holds the files.
    let directory: StateDirectory?

    /// The one connection that writes, with its tables at the present version.
    func openWriter() throws(StoreError) -> Writer {
        let size = configuration.pageSize
        guard size >= 512, size <= 65536, size & (size - 1) == 0 else {
            throw StoreError(.badConfiguration, "a page size of \(size) is no power of two from 512 to 65536")
        }
        do {
            if try directory?.prepareDatabaseFile() ?? true { try checkVersion() }
            let log = try LogInspection.run(database: database, fileSystem: configuration.fileSystem)
            return try openWriter(log)
        } catch let error as DatabaseError where Self.damages.contains(error.resultCode) {
            throw damaged(error.message ?? "it can't be read")
        } catch {
            throw StoreError.of(error)
        }
    }

    /// A writer on the tables as they are or, where their order is damaged, on what could be saved of them.
    private func openWriter(_ log: LogReport) throws -> Writer {
        do {
            let queue = try openQueue()
            if try isSound(queue) {
                let writer = try Writer(queue: queue, clock: configuration.clock, log: log)
                directory?.clearSuspicion()
                return writer
            }
            try queue.close()
        } catch let error as StoreError where error.code != .damaged {
            throw error
        } catch let error as DatabaseError where !Self.damages.contains(error.resultCode) {
            throw error
        } catch {}
        // While nothing has it open: whoever closes a file takes the locks of its process away.
        try directory?.keepDamagedDatabase()
        let queue = try openQueue()
        let rescued = try Salvage.run(queue, identifiers: configuration.identifiers, now: configuration.clock.now())
        // One transaction of the damaged one: it is as it was, or sound.
        try rescued.backup(to: queue)
        let writer = try Writer(queue: queue, clock: configuration.clock, log: log)
        directory?.clearSuspicion()
        return writer
    }

    private func openQueue() throws -> DatabaseQueue {
        var settings = Configuration()
        settings.label = "worker-store"
        settings.busyMode = .timeout(5)
        let size = configuration.pageSize
        settings.prepareDatabase { try $0.execute(sql: "PRAGMA page_size = \(size)") }
        let queue = try DatabaseQueue(path: path, configuration: settings)
        try queue.writeWithoutTransaction { try prepare($0) }
        return queue
    }

    /// Whether SQLite finds the tables in order; of a large database, unless a run has met damage in it, only what its
    /// rows show by themselves.
    private func isSound(_ queue: DatabaseQueue) throws -> Bool {
        try queue.read { database in
            guard try Schema.isSound(database) else { return false }
            let pages = try Int.fetchOne(database, sql: "PRAGMA page_count") ?? 0
            let size = try Int.fetchOne(database, sql: "PRAGMA page_size") ?? 0
            guard pages * size <= Self.checkedBytes || directory?.isSuspect == true else { return true }
            return try String.fetchOne(database, sql: "PRAGMA quick_check(1)") == "ok"
        }
    }

    /// A check of so much takes some tens of milliseconds.
    private static let checkedBytes = 32 << 20

    private func damaged(_ words: String) -> StoreError {
        StoreError(
            .damaged,
            "the worker's database \(database) is damaged (\(words)) and was left as it is; guests go on running. "
                + "Restore it from a copy, or move it away to begin with an empty one: the guests are then known to "
                + "the hypervisor only")
    }

    /// What SQLite says of a file whose order is lost; of our own tables "no such column" is no other thing.
    private static let damages: [ResultCode] = [.SQLITE_CORRUPT, .SQLITE_NOTADB, .SQLITE_ERROR]

    /// Connections that only read.
    func openReaders() throws(StoreError) -> [DatabaseQueue] {
        do {
            let count = configuration.threads == .driven ? 1 : max(1, configuration.readers)
            return try (0..<count).map { _ in
                let reader = try openReader()
                // From its first look on it holds its share of the file, so that a writer which is abandoned is not the
                // last connection, and leaves the log as a crash would.
                try reader.read { _ = try Row.fetchOne($0, sql: "SELECT 1 FROM meta") }
                return reader
            }
        } catch {
            throw StoreError.of(error)
        }
    }

    private func openReader() throws -> DatabaseQueue {
        var settings = Configuration()
        settings.label = "worker-store-reader"
        settings.readonly = true
        settings.busyMode = .timeout(5)
        return try DatabaseQueue(path: path, configuration: settings)
    }

    /// Looks at the version through a connection that can't write: one that can would copy the log back when it closes.
    private func checkVersion() throws {
        do {
            let probe = try openReader()
            defer { try? probe.close() }
            try probe.read { try Schema.check($0, path: database) }
        } catch let error as DatabaseError where error.resultCode == .SQLITE_CANTOPEN && directory == nil {
            // A VFS says in this way that there is no such file yet.
        } catch let error as DatabaseError where error.resultCode == .SQLITE_READONLY {
            // A power cut at the first start: only a connection that can write may take back what was half done. It
            // looks at the version then.
        }
    }

    private func prepare(_ database: Database) throws {
        try Schema.check(database, path: self.database)
        // Until the log is on, a journal that is deleted without its directory's sync may come back after a power cut,
        // and take back all that was written since.
        try database.execute(sql: "PRAGMA synchronous = EXTRA")
        guard try String.fetchOne(database, sql: "PRAGMA journal_mode = WAL") == "wal" else {
            throw StoreError(
                .notAccessible,
                "the file system of \(configuration.directory) has no shared memory for a write-ahead log; "
                    + "use a local disk")
        }
        // After WAL: switching it on through GRDB's own setting would lower this to NORMAL, which acknowledges commits
        // that a power failure takes back.
        try database.execute(sql: "PRAGMA synchronous = FULL")
        guard try Int.fetchOne(database, sql: "PRAGMA synchronous") == 2 else {
            throw StoreError(.database, "SQLite does not write commits through to the disk (synchronous is not FULL)")
        }
        // Zeroes what is deleted: bodies hold passwords. Savepoints keep their undo pages in memory.
        try database.execute(sql: "PRAGMA secure_delete = ON; PRAGMA temp_store = MEMORY")
        try database.execute(sql: "PRAGMA cache_size = -\(configuration.cacheBytes / 1024)")
        try Schema.migrate(database, identifiers: configuration.identifiers)
        let pageSize = try Int.fetchOne(database, sql: "PRAGMA page_size") ?? configuration.pageSize
        // A log that may fill a small disk by itself would keep it full.
        let bytes = min(configuration.checkpointBytes, max(1 << 20, (directory?.freeBytes ?? .max) / 8))
        let checkpointPages = max(1, bytes / pageSize)
        try database.execute(sql: "PRAGMA wal_autocheckpoint = \(checkpointPages)")
        if let limit = configuration.maximumPageCount {
            try database.execute(sql: "PRAGMA max_page_count = \(limit)")
        }
    }

    private var database: String { configuration.directory + "/" + StateDirectory.databaseName }

    /// The file, or its URI where a VFS is named.
    private var path: String {
        guard let name = configuration.fileSystem else { return database }
        var escaped = ""
        for byte in database.utf8 {
            switch byte {
            case 0x25, 0x3F, 0x23: escaped += "%" + String(byte, radix: 16)
            default: escaped.unicodeScalars.append(Unicode.Scalar(byte))
            }
        }
        return "file:\(escaped)?vfs=\(name)"
    }
}
