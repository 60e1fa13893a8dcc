// SPDX-License-Identifier: Apache-2.0

internal import GRDBSQLite

/// A file beside a database, reached as SQLite reaches it: through the operating system's VFS or one of that name.
///
/// Not thread-safe. Closed when it is released.
final class SystemFile {
    private let file: UnsafeMutablePointer<sqlite3_file>
    private let path: UnsafeMutablePointer<CChar>
    private let methods: sqlite3_io_methods

    /// Opens a file that is there and not empty; nil where there is none.
    init?(path: String, fileSystem: String?) throws(StoreError) {
        guard let found = sqlite3_vfs_find(fileSystem) else {
            throw StoreError(.badConfiguration, "SQLite knows no file system of the name \(fileSystem ?? "(default)")")
        }
        var isThere: CInt = 0
        _ = found.pointee.xAccess(found, path, SQLITE_ACCESS_EXISTS, &isThere)
        guard isThere != 0 else { return nil }
        let size = Int(found.pointee.szOsFile)
        let memory = UnsafeMutableRawPointer.allocate(byteCount: size, alignment: 16)
        memory.initializeMemory(as: UInt8.self, repeating: 0, count: size)
        let file = memory.bindMemory(to: sqlite3_file.self, capacity: 1)
        // The VFS keeps the name for as long as the file is open.
        let bytes = path.utf8CString
        let name = UnsafeMutablePointer<CChar>.allocate(capacity: bytes.count)
        for (index, byte) in bytes.enumerated() { (name + index).initialize(to: byte) }
        let result = found.pointee.xOpen(found, name, file, SQLITE_OPEN_READWRITE | SQLITE_OPEN_WAL, nil)
        guard result == SQLITE_OK, let methods = file.pointee.pMethods?.pointee else {
            if let methods = file.pointee.pMethods?.pointee { _ = methods.xClose(file) }
            name.deallocate()
            memory.deallocate()
            throw StoreError(
                .inputOutput, "\(path) can't be opened (\(Self.words(result))); check the disk, owner and mode")
        }
        self.file = file
        self.path = name
        self.methods = methods
    }

    deinit {
        _ = methods.xClose(file)
        path.deallocate()
        UnsafeMutableRawPointer(file).deallocate()
    }

    var size: Int {
        get throws(StoreError) {
            var size: sqlite3_int64 = 0
            try check(methods.xFileSize(file, &size))
            return Int(size)
        }
    }

    /// Fills `bytes` from `offset` on.
    func read(into bytes: UnsafeMutableRawBufferPointer, at offset: Int) throws(StoreError) {
        try check(methods.xRead(file, bytes.baseAddress, CInt(bytes.count), sqlite3_int64(offset)))
    }

    func write(_ bytes: UnsafeRawBufferPointer, at offset: Int) throws(StoreError) {
        try check(methods.xWrite(file, bytes.baseAddress, CInt(bytes.count), sqlite3_int64(offset)))
    }

    /// Brings what was written to the disk.
    func synchronize() throws(StoreError) { try check(methods.xSync(file, SQLITE_SYNC_NORMAL)) }

    private func check(_ result: CInt) throws(StoreError) {
        guard result != SQLITE_OK else { return }
        throw StoreError(
            .inputOutput, "the disk failed at \(String(cString: path)) (\(Self.words(result))); check the disk")
    }

    private static func words(_ result: CInt) -> String { String(cString: sqlite3_errstr(result)) }
}
