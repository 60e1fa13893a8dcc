// SPDX-License-Identifier: Apache-2.0

#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#endif

extension ImageFile {
    /// Whether something has the name, whatever it is.
    static func exists(_ path: String) -> Bool {
        var status = stat()
        return lstat(path, &status) == 0 || errno != ENOENT
    }

    /// Whether two names are of one file.
    static func isSame(_ one: String, _ other: String) -> Bool {
        var first = stat()
        var second = stat()
        return lstat(one, &first) == 0 && lstat(other, &second) == 0 && first.st_dev == second.st_dev
            && first.st_ino == second.st_ino
    }

    /// Whether there is such a directory, or now is: made where that alone is missing, not the way to it.
    static func makeDirectory(_ path: String) -> Bool {
        var status = stat()
        if stat(path, &status) == 0 { return status.st_mode & S_IFMT == S_IFDIR }
        return mkdir(path, 0o755) == 0
    }

    static func remove(_ path: String) { unlink(path) }

    /// Brings a file, or a directory's names, to the disk.
    static func settle(_ path: String) throws(Failure) {
        let descriptor = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC)
        guard descriptor >= 0 else { throw .of(errno) }
        defer { close(descriptor) }
        guard fsync(descriptor) == 0 else { throw .of(errno) }
    }

    /// Gives a file another name, which must be free.
    static func link(_ path: String, to name: String) throws(Failure) {
        #if canImport(Glibc)
            let result = Glibc.link(path, name)
        #else
            let result = Musl.link(path, name)
        #endif
        guard result == 0 else { throw .of(errno) }
    }

    /// Writes a new file and brings it to the disk; what was there is gone.
    static func write(_ bytes: [UInt8], to path: String) throws(Failure) {
        unlink(path)
        let descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw .of(errno) }
        defer { close(descriptor) }
        var written = 0
        while written < bytes.count {
            let count = bytes[written...].withUnsafeBytes { buffer in
                #if canImport(Glibc)
                    Glibc.write(descriptor, buffer.baseAddress, buffer.count)
                #else
                    Musl.write(descriptor, buffer.baseAddress, buffer.count)
                #endif
            }
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw .of(errno) }
            written += count
        }
        guard fsync(descriptor) == 0 else { throw .of(errno) }
    }

    /// The names in a directory, sorted.
    static func names(in directory: String) throws(Failure) -> [String] {
        guard let stream = opendir(directory) else { throw .of(errno) }
        defer { closedir(stream) }
        var names: [String] = []
        while let entry = readdir(stream) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) { pointer in
                pointer.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            names.append(name)
        }
        return names.sorted()
    }
}

extension ImageFile.Failure {
    fileprivate static func of(_ code: Int32) -> Self {
        switch code {
        case ENOENT: .missing
        case EEXIST: .taken
        case ENOSPC, EDQUOT: .noSpace
        default: .unreadable(code)
        }
    }
}
