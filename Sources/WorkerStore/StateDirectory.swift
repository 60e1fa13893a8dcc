// SPDX-License-Identifier: Apache-2.0

#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#endif

/// The directory of the store: ours alone, by mode and by lock, from the first moment on.
///
/// The journal holds passwords and tokens of the instances that are being built.
final class StateDirectory: Sendable {
    /// The database's file in the directory.
    static let databaseName = "worker.sqlite"

    let path: String
    /// The file of the database.
    let database: String
    private let lock: Int32

    /// Makes the directory where it is missing, closes it to others, and locks it.
    init(path: String) throws(StoreError) {
        self.path = path
        database = path + "/" + Self.databaseName
        try Self.makeParents(of: path)
        if mkdir(path, 0o700) == 0 {
            // The first commits would be lost with the directory if its own entry did not reach the disk.
            Self.synchronize(path + "/..")
        } else if errno != EEXIST {
            throw StoreError(.notAccessible, "the state directory \(path) can't be made: \(Self.reason)")
        }
        var status = stat()
        guard stat(path, &status) == 0, status.st_mode & S_IFMT == S_IFDIR else {
            throw StoreError(.notAccessible, "the state directory \(path) is not a directory")
        }
        guard status.st_uid == geteuid(), status.st_mode & S_ISVTX == 0 else {
            throw StoreError(
                .notAccessible,
                "the state directory \(path) belongs to another user or to everybody; give the worker one of its own")
        }
        if status.st_mode & 0o077 != 0, chmod(path, 0o700) != 0 {
            throw StoreError(.notAccessible, "the state directory \(path) can't be closed to others: \(Self.reason)")
        }
        let lockPath = path + "/worker.lock"
        lock = open(lockPath, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard lock >= 0 else {
            throw StoreError(.notAccessible, "the lock \(lockPath) can't be opened: \(Self.reason)")
        }
        guard flock(lock, LOCK_EX | LOCK_NB) == 0 else {
            let inUse = errno == EWOULDBLOCK
            let reason = Self.reason
            close(lock)
            throw inUse
                ? StoreError(
                    .inUse, "another worker uses the state directory \(path); stop it, or give this one another")
                : StoreError(.notAccessible, "the lock \(lockPath) can't be taken: \(reason)")
        }
    }

    deinit { close(lock) }

    /// Lets another process have the directory; for when the database is closed.
    func unlock() { flock(lock, LOCK_UN) }

    /// Makes the database's file private before SQLite writes its first byte; the log beside it inherits the mode.
    ///
    /// - Returns: whether the file was there before.
    func prepareDatabaseFile() throws(StoreError) -> Bool {
        let file = open(database, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard file >= 0 else {
            throw StoreError(.notAccessible, "the database \(database) can't be opened: \(Self.reason)")
        }
        defer { close(file) }
        var status = stat()
        guard fstat(file, &status) == 0, fchmod(file, 0o600) == 0 else {
            throw StoreError(.notAccessible, "the database \(database) can't be closed to others: \(Self.reason)")
        }
        for suffix in ["-wal", "-shm"] where chmod(database + suffix, 0o600) != 0 && errno != ENOENT {
            throw StoreError(
                .notAccessible, "the file \(database)\(suffix) can't be closed to others: \(Self.reason)")
        }
        if status.st_size == 0 { Self.synchronize(path) }
        return status.st_size > 0
    }

    /// What its file system has room for.
    var freeBytes: Int {
        var status = statvfs()
        guard statvfs(path, &status) == 0 else { return .max }
        return Int(clamping: status.f_bavail.multipliedReportingOverflow(by: status.f_frsize).partialValue)
    }

    private var suspicion: String { database + ".suspect" }

    /// Whether a run has met damage that it could not set aside by itself.
    var isSuspect: Bool { access(suspicion, F_OK) == 0 }

    /// Leaves a mark that makes the next start look at the whole database.
    func markSuspect() {
        let file = open(suspicion, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard file >= 0 else { return }
        close(file)
        Self.synchronize(path)
    }

    func clearSuspicion() { unlink(suspicion) }

    /// Removes the copy of a damaged database after a week: it holds the secrets of requests that are long done.
    func removeOldCopy() {
        for suffix in ["", "-wal"] {
            let copy = database + ".damaged" + suffix
            var status = stat()
            guard stat(copy, &status) == 0, time(nil) - status.st_mtim.tv_sec > 7 * 86_400 else { continue }
            unlink(copy)
        }
    }

    /// Keeps a copy of the database and its log as they are, beside them, over an earlier one.
    func keepDamagedDatabase() throws(StoreError) {
        for suffix in ["", "-wal"] {
            let copy = database + ".damaged" + suffix
            guard Self.copy(database + suffix, to: copy) else {
                throw StoreError(
                    .damaged,
                    "the worker's database \(database) is damaged, and no copy of it can be kept at \(copy): "
                        + "\(Self.reason); make room for one, or restore the database from a copy")
            }
        }
        Self.synchronize(path)
    }

    /// Copies a private file; true where there is none.
    private static func copy(_ path: String, to copy: String) -> Bool {
        let source = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW)
        guard source >= 0 else { return errno == ENOENT }
        defer { close(source) }
        let target = open(copy, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard target >= 0 else { return false }
        defer { close(target) }
        return withUnsafeTemporaryAllocation(byteCount: 1 << 16, alignment: 1) { buffer in
            while true {
                let count = read(source, buffer.baseAddress, buffer.count)
                if count == 0 { return fsync(target) == 0 }
                guard count > 0, write(target, buffer.baseAddress, count) == count else { return false }
            }
        }
    }

    /// Brings a directory's entries to the disk; a file system that can't is as safe without.
    private static func synchronize(_ directory: String) {
        let file = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard file >= 0 else { return }
        fsync(file)
        close(file)
    }

    private static func makeParents(of path: String) throws(StoreError) {
        var index = path.index(path.startIndex, offsetBy: 1, limitedBy: path.endIndex) ?? path.endIndex
        while let slash = path[index...].firstIndex(of: "/") {
            let parent = String(path[..<slash])
            if mkdir(parent, 0o755) == 0 {
                synchronize(parent + "/..")
            } else if errno != EEXIST {
                throw StoreError(.notAccessible, "the directory \(parent) can't be made: \(reason)")
            }
            index = path.index(after: slash)
        }
    }

    private static var reason: String { String(cString: strerror(errno)) }
}
