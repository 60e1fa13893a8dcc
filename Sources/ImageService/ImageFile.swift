// SPDX-License-Identifier: Apache-2.0

#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#endif

/// What a look at a file of the image directory finds.
struct ImageFile: Sendable {
    /// Why a file could not be looked at or written.
    enum Failure: Error, Sendable {
        case missing
        case notRegular
        case unreadable(Int32)
        case tooLarge
        /// The name is another's.
        case taken
        case noSpace
    }

    let size: Int64
    let head: [UInt8]

    /// Opens a regular file, not through a symbolic link, and reads its first bytes.
    static func look(at path: String, bytes wanted: Int) throws(Failure) -> ImageFile {
        let descriptor = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else {
            throw errno == ENOENT ? .missing : errno == ELOOP ? .notRegular : .unreadable(errno)
        }
        defer { close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { throw .unreadable(errno) }
        guard status.st_mode & S_IFMT == S_IFREG else { throw .notRegular }
        return ImageFile(size: Int64(status.st_size), head: try read(descriptor, upTo: wanted))
    }

    /// Reads a whole file, not through a symbolic link; one larger than `limit` is refused.
    static func contents(of path: String, limit: Int) throws(Failure) -> [UInt8] {
        let file = try look(at: path, bytes: limit)
        guard file.size <= Int64(limit) else { throw .tooLarge }
        return file.head
    }

    private static func read(_ descriptor: Int32, upTo wanted: Int) throws(Failure) -> [UInt8] {
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: min(wanted, 65_536))
        while bytes.count < wanted {
            let room = min(buffer.count, wanted - bytes.count)
            let count = buffer.withUnsafeMutableBytes { pread(descriptor, $0.baseAddress, room, off_t(bytes.count)) }
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw .unreadable(errno) }
            if count == 0 { break }
            bytes += buffer[..<count]
        }
        return bytes
    }
}
