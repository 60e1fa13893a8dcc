// SPDX-License-Identifier: Apache-2.0

#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#endif

/// What a disk's file says of itself; for files that this driver made, whose format is known, not for images.
struct DiskHeader: Sendable, Hashable {
    let format: DiskOverlay.Format
    /// As the guest sees it, in bytes.
    let virtualSize: Int64
    /// What the file takes on the host, in bytes.
    let allocated: Int64
    let backingFile: String?

    /// Reads a file's header, on the file lane; nil where there is no such file, or no such header.
    init?(path: String, format: DiskOverlay.Format) {
        let descriptor = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else { return nil }
        self.format = format
        allocated = Int64(status.st_blocks) * 512
        guard format == .qcow2 else {
            virtualSize = Int64(status.st_size)
            backingFile = nil
            return
        }
        let head = Self.bytes(descriptor, at: 0, count: 32)
        guard head.count == 32, head[..<4].elementsEqual([0x51, 0x46, 0x49, 0xFB]) else { return nil }
        func number(_ range: Range<Int>) -> UInt64 { head[range].reduce(0) { $0 << 8 | UInt64($1) } }
        virtualSize = Int64(clamping: number(24..<32))
        let (offset, length) = (number(8..<16), number(16..<20))
        guard offset > 0, length > 0, length <= 1023 else {
            backingFile = nil
            return
        }
        backingFile = String(
            decoding: Self.bytes(descriptor, at: off_t(clamping: offset), count: Int(length)), as: UTF8.self)
    }

    private static func bytes(_ descriptor: Int32, at offset: off_t, count: Int) -> [UInt8] {
        var buffer = [UInt8](repeating: 0, count: count)
        let read = buffer.withUnsafeMutableBytes { pread(descriptor, $0.baseAddress, count, offset) }
        return Array(buffer.prefix(max(0, read)))
    }
}
