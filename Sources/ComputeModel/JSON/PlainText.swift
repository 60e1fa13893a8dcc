// SPDX-License-Identifier: Apache-2.0

/// Finds where the plain part of a string ends, eight bytes at a time.
enum PlainText {
    /// The first byte from `start` on that is a quote, a backslash, a control character or not ASCII; `bytes.count` if
    /// there is none. On request it stops at DEL too, which readers take as it is and Python's writer escapes.
    @inline(__always)
    static func end(
        in bytes: UnsafeBufferPointer<UInt8>, from start: Int, stoppingAtDelete: Bool = false
    ) -> Int {
        guard let base = UnsafeRawPointer(bytes.baseAddress) else { return start }
        var index = start
        while index &+ 8 <= bytes.count {
            let word = UInt64(littleEndian: (base + index).loadUnaligned(as: UInt64.self))
            let special = specialBytes(word, stoppingAtDelete)
            if special != 0 { return index &+ special.trailingZeroBitCount &>> 3 }
            index &+= 8
        }
        while index < bytes.count {
            let byte = bytes[index]
            guard byte >= 0x20, byte < (stoppingAtDelete ? 0x7F : 0x80), byte != UInt8(ascii: "\""),
                byte != UInt8(ascii: "\\")
            else { break }
            index &+= 1
        }
        return index
    }

    /// The high bit of each special byte. The lowest is exact; borrows can only flag bytes above it.
    @inline(__always)
    private static func specialBytes(_ word: UInt64, _ stoppingAtDelete: Bool) -> UInt64 {
        let ones: UInt64 = 0x0101_0101_0101_0101
        let quotes = (word ^ (ones &* 0x22)) &- ones
        let backslashes = (word ^ (ones &* 0x5C)) &- ones
        let controls = word &- ones &* 0x20
        let deletes = stoppingAtDelete ? (word ^ (ones &* 0x7F)) &- ones : 0
        return (quotes | backslashes | controls | deletes | word) & (ones &* 0x80)
    }
}
