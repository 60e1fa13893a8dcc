// SPDX-License-Identifier: Apache-2.0

internal import ComputeModel

/// SipHash-2-4 with 128 bits of output (Aumasson and Bernstein): a hash that who does not know the key can't steer.
///
/// Names messages that have no id of their own. Keyed, so that nobody can make a message that passes for another one.
struct SipHash: Sendable {
    let key: UniqueBits

    /// The hash of `bytes`.
    func hash(_ bytes: UnsafeRawBufferPointer) -> UniqueBits {
        var v0 = key.high ^ 0x736f_6d65_7073_6575
        var v1 = key.low ^ 0x646f_7261_6e64_6f6d ^ 0xee
        var v2 = key.high ^ 0x6c79_6765_6e65_7261
        var v3 = key.low ^ 0x7465_6462_7974_6573

        @inline(__always)
        func round() {
            v0 &+= v1
            v1 = v1 << 13 | v1 >> 51
            v1 ^= v0
            v0 = v0 << 32 | v0 >> 32
            v2 &+= v3
            v3 = v3 << 16 | v3 >> 48
            v3 ^= v2
            v0 &+= v3
            v3 = v3 << 21 | v3 >> 43
            v3 ^= v0
            v2 &+= v1
            v1 = v1 << 17 | v1 >> 47
            v1 ^= v2
            v2 = v2 << 32 | v2 >> 32
        }

        let whole = bytes.count & ~7
        var offset = 0
        while offset < whole {
            let word = UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
            v3 ^= word
            round()
            round()
            v0 ^= word
            offset += 8
        }
        var last = UInt64(truncatingIfNeeded: bytes.count) << 56
        while offset < bytes.count {
            last |= UInt64(bytes[offset]) << UInt64((offset - whole) * 8)
            offset += 1
        }
        v3 ^= last
        round()
        round()
        v0 ^= last
        v2 ^= 0xee
        for _ in 0..<4 { round() }
        let high = v0 ^ v1 ^ v2 ^ v3
        v1 ^= 0xdd
        for _ in 0..<4 { round() }
        return UniqueBits(high: high, low: v0 ^ v1 ^ v2 ^ v3)
    }

    func hash(_ bytes: [UInt8]) -> UniqueBits { bytes.withUnsafeBytes { hash($0) } }

    func hash(_ text: String) -> UniqueBits {
        var text = text
        return text.withUTF8 { hash(UnsafeRawBufferPointer($0)) }
    }
}
