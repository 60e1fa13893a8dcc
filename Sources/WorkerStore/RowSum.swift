// SPDX-License-Identifier: Apache-2.0

internal import ComputeModel

/// What a row's content adds up to, by which a bit that the disk has turned over is found.
///
/// XXH64 (Collet) over each part, seeded with what went before. Every step is a bijection of the word that it takes in,
/// so that a single turned bit always shows. Guards against the disk, not against who wants to deceive.
struct RowSum {
    private(set) var value: UInt64

    /// - Parameter row: the place of the row, so that a row in the place of another one shows, too.
    init(_ row: Int64) { value = UInt64(bitPattern: row) }

    init(seed: UInt64) { value = seed }

    /// As a column holds it.
    var column: Int64 { Int64(bitPattern: value) }

    mutating func add(_ bytes: UnsafeRawBufferPointer) { value = Self.hash(bytes, seed: value) }

    mutating func add(_ bytes: [UInt8]) { bytes.withUnsafeBytes { add($0) } }

    mutating func add(_ number: Int64) { add(word: UInt64(bitPattern: number)) }

    mutating func add(_ bits: UniqueBits?) {
        guard let bits else { return addNothing() }
        add(word: bits.high)
        add(word: bits.low)
    }

    mutating func add(_ text: String?) {
        guard var text else { return addNothing() }
        text.withUTF8 { add(UnsafeRawBufferPointer($0)) }
    }

    private mutating func addNothing() { add(word: 0x6E6F_7468_696E_6721) }

    private mutating func add(word: UInt64) {
        value = Self.rotated(value ^ Self.round(0, word), 27) &* Self.prime1 &+ Self.prime4
    }

    // MARK: XXH64

    private static let prime1: UInt64 = 0x9E37_79B1_85EB_CA87
    private static let prime2: UInt64 = 0xC2B2_AE3D_27D4_EB4F
    private static let prime3: UInt64 = 0x1656_67B1_9E37_79F9
    private static let prime4: UInt64 = 0x85EB_CA77_C2B2_AE63
    private static let prime5: UInt64 = 0x27D4_EB2F_1656_67C5

    @inline(__always)
    private static func rotated(_ value: UInt64, _ bits: UInt64) -> UInt64 {
        value &<< bits | value &>> (64 &- bits)
    }

    @inline(__always)
    private static func round(_ lane: UInt64, _ word: UInt64) -> UInt64 {
        rotated(lane &+ word &* prime2, 31) &* prime1
    }

    static func hash(_ bytes: UnsafeRawBufferPointer, seed: UInt64) -> UInt64 {
        @inline(__always)
        func word(_ offset: Int) -> UInt64 {
            UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
        }
        var offset = 0
        var sum: UInt64
        if bytes.count >= 32 {
            var (lane1, lane2) = (seed &+ prime1 &+ prime2, seed &+ prime2)
            var (lane3, lane4) = (seed, seed &- prime1)
            repeat {
                lane1 = round(lane1, word(offset))
                lane2 = round(lane2, word(offset &+ 8))
                lane3 = round(lane3, word(offset &+ 16))
                lane4 = round(lane4, word(offset &+ 24))
                offset &+= 32
            } while offset &+ 32 <= bytes.count
            sum = rotated(lane1, 1) &+ rotated(lane2, 7) &+ rotated(lane3, 12) &+ rotated(lane4, 18)
            sum = (sum ^ round(0, lane1)) &* prime1 &+ prime4
            sum = (sum ^ round(0, lane2)) &* prime1 &+ prime4
            sum = (sum ^ round(0, lane3)) &* prime1 &+ prime4
            sum = (sum ^ round(0, lane4)) &* prime1 &+ prime4
        } else {
            sum = seed &+ prime5
        }
        sum &+= UInt64(bytes.count)
        while offset &+ 8 <= bytes.count {
            sum = rotated(sum ^ round(0, word(offset)), 27) &* prime1 &+ prime4
            offset &+= 8
        }
        if offset &+ 4 <= bytes.count {
            let half = UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: UInt32.self))
            sum = rotated(sum ^ UInt64(half) &* prime1, 23) &* prime2 &+ prime3
            offset &+= 4
        }
        while offset < bytes.count {
            sum = rotated(sum ^ UInt64(bytes[offset]) &* prime5, 11) &* prime1
            offset &+= 1
        }
        sum = (sum ^ sum &>> 33) &* prime2
        sum = (sum ^ sum &>> 29) &* prime3
        return sum ^ sum &>> 32
    }
}
