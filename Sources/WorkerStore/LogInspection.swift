// SPDX-License-Identifier: Apache-2.0

/// What was found in a write-ahead log that another run of the worker has left.
public struct LogReport: Sendable, Hashable {
    /// Pages of commits that the database did not have yet.
    public var frames = 0
    /// Bits that the disk had turned over. What SQLite would have dropped for them, with all that came after, was kept.
    public var mendedBits = 0
    /// Bytes behind the last whole commit: a commit that was torn, and that nobody was told of.
    public var droppedBytes = 0

    public init() {}
}

/// Goes through the write-ahead log before SQLite does, and writes anew what it holds.
///
/// Two reasons. A process that dies after a failed sync leaves pages that the system hands out but will never bring to
/// the disk; SQLite would take them for commits and write further ones behind them, which the next power cut takes
/// away. And a single bit that the disk turns over makes SQLite drop that commit and all after it, acknowledged or not:
/// its checksum mostly tells which bit it was.
struct LogInspection {
    private static let headerSize = 32
    private static let frameHeaderSize = 24

    private let file: SystemFile
    private let size: Int
    private var report = LogReport()

    /// Looks at the log of the database at `path`, mends it and brings it to the disk; an empty report where none is.
    static func run(database path: String, fileSystem: String?) throws(StoreError) -> LogReport {
        guard let file = try SystemFile(path: path + "-wal", fileSystem: fileSystem) else { return LogReport() }
        var inspection = LogInspection(file: file, size: try file.size)
        try inspection.run()
        return inspection.report
    }

    private init(file: SystemFile, size: Int) {
        self.file = file
        self.size = size
    }

    private mutating func run() throws(StoreError) {
        guard size >= Self.headerSize else { return }
        var header = [UInt8](repeating: 0, count: Self.headerSize)
        try read(&header, at: 0)
        var start = Self.start(of: header)
        if start == nil { start = try mend(&header) }
        guard var sum = start else { return }
        let pageSize = Int(Self.number(header, 8))
        let salt = Self.salt(header, 16)
        try write(header, at: 0)
        // What the log says its sums are, and what they are where a bit of it could not be put right.
        var stored = [sum]
        var frame = [UInt8](repeating: 0, count: Self.frameHeaderSize + pageSize)
        var offset = Self.headerSize
        var commitEnd = offset
        var mended = report.mendedBits
        while offset + frame.count <= size {
            try read(&frame, at: offset)
            guard accept(&frame, salt: salt, stored: &stored, sum: &sum) else { break }
            try write(frame, at: offset)
            offset += frame.count
            if Self.number(frame, 4) != 0 {
                commitEnd = offset
                mended = report.mendedBits
                report.frames = (offset - Self.headerSize) / frame.count
            }
        }
        try file.synchronize()
        report.mendedBits = mended
        report.droppedBytes = try end(of: salt, from: offset, frame: frame.count) - commitEnd
    }

    /// Whether a frame belongs to the log, once a bit of it is put right; `frame` is then what is to be written.
    private mutating func accept(
        _ frame: inout [UInt8], salt: UInt64, stored: inout [LogChecksum], sum: inout LogChecksum
    ) -> Bool {
        let difference = (Self.salt(frame, 8) ^ salt).nonzeroBitCount
        // Frames of an earlier time have another salt, half of which is random.
        guard difference <= 1 else { return false }
        let intended = LogChecksum(
            first: Self.number(frame, 16), second: Self.number(frame, 20), isBigEndian: sum.isBigEndian)
        let computed = stored.map { Self.sum(of: frame, after: $0) }
        if computed.contains(intended) {
            stored = [intended]
            report.mendedBits += difference
        } else {
            guard difference == 0, let computed = computed.first else { return false }
            if computed.distance(to: intended) == 1 {
                // A bit of the checksum itself, or of a word at whose place it shows as such: the next frame knows.
                stored = [intended, computed]
            } else {
                guard mendContent(of: &frame, computed: computed, intended: intended) else { return false }
                stored = [intended]
            }
            report.mendedBits += 1
        }
        Self.put(UInt32(truncatingIfNeeded: salt >> 32), into: &frame, at: 8)
        Self.put(UInt32(truncatingIfNeeded: salt), into: &frame, at: 12)
        sum = Self.sum(of: frame, after: sum)
        Self.put(sum.first, into: &frame, at: 16)
        Self.put(sum.second, into: &frame, at: 20)
        return true
    }

    /// Puts a single bit right, or leaves it to the sums of the rows where several would do; false where it takes more
    /// than one bit, as in a frame that was torn.
    private func mendContent(of frame: inout [UInt8], computed: LogChecksum, intended: LogChecksum) -> Bool {
        // The sum covers the first eight bytes of the frame's header, and the page.
        let covered = Array(frame[..<8]) + frame[Self.frameHeaderSize...]
        let candidates = covered.withUnsafeBytes { computed.candidates(for: intended, in: $0) }
        guard !candidates.isEmpty else { return false }
        // Page numbers beyond this are none: the header's bit is the one.
        let isHeaderWrong = Self.number(frame, 0) > 1 << 24 || Self.number(frame, 4) > 1 << 24
        let inHeader = candidates.filter { $0.offset < 8 }
        let chosen =
            isHeaderWrong && inHeader.count == 1 ? inHeader[0] : candidates.count == 1 ? candidates[0] : nil
        if let (offset, mask) = chosen { frame[offset < 8 ? offset : offset - 8 + Self.frameHeaderSize] ^= mask }
        return chosen != nil || !isHeaderWrong
    }

    /// Where frames of this log end, whole or not.
    private func end(of salt: UInt64, from start: Int, frame length: Int) throws(StoreError) -> Int {
        var offset = start
        var header = [UInt8](repeating: 0, count: Self.frameHeaderSize)
        while offset + header.count <= size {
            try read(&header, at: offset)
            guard Self.salt(header, 8) == salt else { break }
            offset = min(offset + length, size)
        }
        return offset
    }

    // MARK: The header

    /// The sum with which the frames begin; nil where the header does not agree with its own.
    private static func start(of header: [UInt8]) -> LogChecksum? {
        let (magic, pageSize) = (number(header, 0), number(header, 8))
        guard magic & ~1 == 0x377F_0682, number(header, 4) == 3_007_000, pageSize >= 512, pageSize <= 65536,
            pageSize & (pageSize - 1) == 0
        else { return nil }
        var sum = LogChecksum(isBigEndian: magic & 1 == 1)
        header.withUnsafeBytes { sum.add(UnsafeRawBufferPointer(rebasing: $0[..<24])) }
        return sum.first == number(header, 24) && sum.second == number(header, 28) ? sum : nil
    }

    /// Puts a single bit of the header right, such that it agrees with its sum and with the first frame.
    private mutating func mend(_ header: inout [UInt8]) throws(StoreError) -> LogChecksum? {
        var frame = [UInt8](repeating: 0, count: Self.frameHeaderSize)
        guard size >= header.count + frame.count else { return nil }
        try read(&frame, at: header.count)
        for bit in 0..<header.count * 8 {
            header[bit / 8] ^= 1 << UInt8(bit % 8)
            if let sum = Self.start(of: header), Self.salt(header, 16) == Self.salt(frame, 8) {
                report.mendedBits += 1
                return sum
            }
            header[bit / 8] ^= 1 << UInt8(bit % 8)
        }
        return nil
    }

    // MARK: Bytes

    private static func sum(of frame: [UInt8], after sum: LogChecksum) -> LogChecksum {
        var sum = sum
        frame.withUnsafeBytes { bytes in
            sum.add(UnsafeRawBufferPointer(rebasing: bytes[..<8]))
            sum.add(UnsafeRawBufferPointer(rebasing: bytes[frameHeaderSize...]))
        }
        return sum
    }

    private static func number(_ bytes: [UInt8], _ offset: Int) -> UInt32 {
        bytes.withUnsafeBytes { UInt32(bigEndian: $0.loadUnaligned(fromByteOffset: offset, as: UInt32.self)) }
    }

    private static func salt(_ bytes: [UInt8], _ offset: Int) -> UInt64 {
        UInt64(number(bytes, offset)) << 32 | UInt64(number(bytes, offset + 4))
    }

    private static func put(_ number: UInt32, into bytes: inout [UInt8], at offset: Int) {
        for index in 0..<4 { bytes[offset + index] = UInt8(truncatingIfNeeded: number >> UInt32(24 - 8 * index)) }
    }

    private func read(_ bytes: inout [UInt8], at offset: Int) throws(StoreError) {
        let outcome = bytes.withUnsafeMutableBytes { buffer in
            Result { () throws(StoreError) in try file.read(into: buffer, at: offset) }
        }
        try outcome.get()
    }

    private func write(_ bytes: [UInt8], at offset: Int) throws(StoreError) {
        let outcome = bytes.withUnsafeBytes { buffer in
            Result { () throws(StoreError) in try file.write(buffer, at: offset) }
        }
        try outcome.get()
    }
}
