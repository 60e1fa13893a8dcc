// SPDX-License-Identifier: Apache-2.0

/// A number of bytes.
public struct ByteCount: Sendable, Hashable, Comparable, AdditiveArithmetic {
    public let bytes: Int64

    public init(bytes: Int64) { self.bytes = bytes }

    public static func kib(_ count: Int64) -> ByteCount { ByteCount(bytes: count << 10) }
    public static func mib(_ count: Int) -> ByteCount { ByteCount(bytes: Int64(count) << 20) }
    public static func gib(_ count: Int) -> ByteCount { ByteCount(bytes: Int64(count) << 30) }

    public static let zero = ByteCount(bytes: 0)

    /// In KiB, rounded down.
    public var kib: Int64 { bytes >> 10 }
    /// In MiB, rounded down.
    public var mib: Int { Int(bytes >> 20) }
    /// In GiB, rounded down.
    public var gib: Int { Int(bytes >> 30) }

    public static func < (left: ByteCount, right: ByteCount) -> Bool { left.bytes < right.bytes }
    public static func + (left: ByteCount, right: ByteCount) -> ByteCount {
        ByteCount(bytes: left.bytes + right.bytes)
    }
    public static func - (left: ByteCount, right: ByteCount) -> ByteCount {
        ByteCount(bytes: left.bytes - right.bytes)
    }
}

extension ByteCount: CustomStringConvertible {
    public var description: String { "\(bytes) bytes" }
}
