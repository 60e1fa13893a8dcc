// SPDX-License-Identifier: Apache-2.0

internal import CSimulatedDisk
internal import Synchronization

/// A disk in memory that SQLite opens databases on: it forgets what was not synced, tears, fills up, fails on demand.
///
/// Reached by its ``name`` as an SQLite VFS. What it does follows from the calls and the seeds alone, so that a history
/// repeats. Write-ahead logs work, with several connections. Fsync means what it says; a write that fails leaves
/// nothing; after a sync that failed, what it was to keep counts as clean, as on Linux, and is lost unless it is written
/// anew.
///
/// @unchecked Sendable because the C half guards the disk with a mutex of its own.
public final class SimulatedDisk: @unchecked Sendable {
    /// What ends all that the present process has open.
    public enum Crash: Sendable, Hashable {
        /// The process dies; what it has written stays.
        case process
        /// The power goes: of what was not synced, the seed decides what stays, is lost, or is torn in the middle.
        case power(seed: UInt64)
    }

    /// What can be made to fail.
    public enum Operation: Int32, Sendable, Hashable, CaseIterable {
        case read = 0
        case write = 1
        case sync = 2
    }

    /// A bit that was turned over.
    public struct FlippedBit: Sendable, Hashable {
        public let path: String
        public let offset: Int
        public let bit: Int
    }

    /// The name under which SQLite knows the disk.
    public let name: String
    private let disk: OpaquePointer
    private static let made = Atomic<Int>(0)

    /// Makes an empty disk; nil where there is no memory for it.
    ///
    /// - Parameter name: a name that no other VFS of the process has; one is made where none is given.
    public init?(name: String? = nil) {
        let name = name ?? "simulated-disk-\(Self.made.add(1, ordering: .relaxed).newValue)"
        guard let disk = csd_create(name) else { return nil }
        self.disk = disk
        self.name = name
    }

    deinit { csd_destroy(disk) }

    // MARK: Faults

    /// Ends every open handle: each further call on one is an I/O error. Files can be opened anew at once.
    ///
    /// Takes back ``cutPower(after:)`` and ``failNext(_:count:)``.
    public func crash(_ crash: Crash) {
        switch crash {
        case .process: csd_crash_process(disk)
        case .power(let seed): csd_crash_power(disk, seed)
        }
    }

    /// Lets so many more changes and syncs through; the next one and every call after it fails, until ``crash(_:)``.
    public func cutPower(after operations: Int) { csd_cut_at(disk, csd_operations(disk) + Int64(operations) + 1) }

    /// Whether the power has gone in that way.
    public var isCut: Bool { csd_is_cut(disk) != 0 }

    /// The most bytes that all files may have together; a write beyond is refused for want of space.
    public var capacity: Int? {
        get {
            let bytes = csd_capacity(disk)
            return bytes < 0 ? nil : Int(bytes)
        }
        set { csd_set_capacity(disk, newValue.map(Int64.init) ?? -1) }
    }

    /// Fails the next `count` operations of a kind; 0 takes it back.
    public func failNext(_ operation: Operation, count: Int = 1) {
        csd_fail_next(disk, operation.rawValue, Int32(clamping: count))
    }

    /// Turns over one bit that the seed chooses among those of the files whose path ends as said; nil where they have
    /// none. What a connection has read before it may go on seeing as it was.
    @discardableResult
    public func flipBit(seed: UInt64, inFilesEnding suffix: String = "") -> FlippedBit? {
        let files = paths.filter { $0.hasSuffix(suffix) }.map { ($0, size(of: $0) ?? 0) }
        let bits = files.reduce(0) { $0 + $1.1 * 8 }
        guard bits > 0 else { return nil }
        // One round of SplitMix64: neighbouring seeds choose bits that lie far apart.
        var mixed = seed &+ 0x9E37_79B9_7F4A_7C15
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        var chosen = Int((mixed ^ (mixed >> 31)) % UInt64(bits))
        for (path, size) in files {
            if chosen < size * 8 { return flipBit(in: path, at: chosen / 8, bit: chosen % 8) }
            chosen -= size * 8
        }
        return nil
    }

    /// Turns one bit of a file over; nil where it has no such byte.
    @discardableResult
    public func flipBit(in path: String, at offset: Int, bit: Int) -> FlippedBit? {
        guard csd_flip(disk, path, Int64(offset), Int32(bit)) != 0 else { return nil }
        return FlippedBit(path: path, offset: offset, bit: bit)
    }

    // MARK: Files

    /// The files that there are, in the order of their making.
    public var paths: [String] {
        var found: [String] = []
        var number: Int32 = 0
        while let path = csd_path(disk, number) {
            let path = String(cString: path)
            if csd_size(disk, path) >= 0 { found.append(path) }
            number += 1
        }
        return found
    }

    /// The bytes of a file as they are read now; nil where there is none.
    public func contents(of path: String) -> [UInt8]? {
        guard let size = size(of: path) else { return nil }
        return [UInt8](unsafeUninitializedCapacity: size) { buffer, count in
            count = Int(csd_copy(disk, path, 0, buffer.baseAddress, Int64(size)))
        }
    }

    /// Puts a file there, synced, over what was there.
    public func put(_ bytes: [UInt8], at path: String) {
        _ = bytes.withUnsafeBytes { csd_put(disk, path, $0.baseAddress, Int64($0.count)) }
    }

    /// Opens a database and carries statements out, as another program does: the first number of the last row, 0 where
    /// there is none; nil where it failed.
    ///
    /// - Parameter keepsLog: what is written stays in the write-ahead log.
    public func execute(_ sql: String, in path: String, keepsLog: Bool = false) -> Int? {
        var answer: Int64 = 0
        return csd_execute(name, path, sql, keepsLog ? 1 : 0, &answer) == 0 ? Int(answer) : nil
    }

    public func size(of path: String) -> Int? {
        let size = csd_size(disk, path)
        return size < 0 ? nil : Int(size)
    }

    /// The bytes of all files.
    public var bytesUsed: Int { Int(csd_used(disk)) }

    // MARK: Counting

    /// How many operations have changed a file or synced one.
    public var operations: Int { Int(csd_operations(disk)) }

    /// What has happened since the disk was made.
    public var counters: Counters { Counters(csd_count(disk)) }
}
