// SPDX-License-Identifier: Apache-2.0

/// The running checksum of SQLite's write-ahead log: two sums, each over the other.
struct LogChecksum: Hashable {
    var first: UInt32 = 0
    var second: UInt32 = 0
    /// Whether the words of the log are big-endian, as its magic number says.
    let isBigEndian: Bool

    init(first: UInt32 = 0, second: UInt32 = 0, isBigEndian: Bool) {
        self.first = first
        self.second = second
        self.isBigEndian = isBigEndian
    }

    /// Goes on over `bytes`, a multiple of eight.
    mutating func add(_ bytes: UnsafeRawBufferPointer) {
        var (first, second) = (first, second)
        var offset = 0
        while offset + 8 <= bytes.count {
            first = first &+ word(bytes, offset) &+ second
            second = second &+ word(bytes, offset + 4) &+ first
            offset += 8
        }
        (self.first, self.second) = (first, second)
    }

    private func word(_ bytes: UnsafeRawBufferPointer, _ offset: Int) -> UInt32 {
        let word = bytes.loadUnaligned(fromByteOffset: offset, as: UInt32.self)
        return isBigEndian ? UInt32(bigEndian: word) : UInt32(littleEndian: word)
    }

    /// In how many bits two sums differ.
    func distance(to other: LogChecksum) -> Int {
        (first ^ other.first).nonzeroBitCount + (second ^ other.second).nonzeroBitCount
    }

    /// The bits of `bytes` of which one, turned over, would make the sum the one that was `intended`; each as the
    /// offset of its byte and its mask. `self` is the sum after `bytes`.
    ///
    /// The sums are linear, so a changed word shows as that change times a number that its place decides. For the high
    /// bits of a word these numbers repeat: then several bits would do, and at most four of them are named.
    func candidates(for intended: LogChecksum, in bytes: UnsafeRawBufferPointer) -> [(offset: Int, mask: UInt8)] {
        let (lacking, lackingSecond) = (intended.first &- first, intended.second &- second)
        var found: [(Int, UInt8)] = []
        // What one more in the first and in the second word of a pair makes of the sums at the end.
        var even: (UInt32, UInt32) = (1, 1)
        var odd: (UInt32, UInt32) = (0, 1)
        var offset = bytes.count - 8
        while offset >= 0, found.count < 4 {
            for (place, factor) in [(offset + 4, odd), (offset, even)] {
                let present = word(bytes, place)
                for bit in 0..<32 {
                    let mask = UInt32(1) << UInt32(bit)
                    let change = present & mask == 0 ? mask : 0 &- mask
                    guard change &* factor.0 == lacking, change &* factor.1 == lackingSecond else { continue }
                    let byte = isBigEndian ? 3 - bit / 8 : bit / 8
                    found.append((place + byte, UInt8(1) << UInt8(bit % 8)))
                }
            }
            even = (even.0 &+ even.1, even.0 &+ 2 &* even.1)
            odd = (odd.0 &+ odd.1, odd.0 &+ 2 &* odd.1)
            offset -= 8
        }
        return found
    }
}
