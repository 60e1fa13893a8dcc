// SPDX-License-Identifier: Apache-2.0

/// The uuid of an instance, in canonical lower-case form.
///
/// Names of directories and domains are made of it, so only the 36 characters of a uuid are ever accepted.
public struct InstanceID: Hashable, Sendable, Comparable, CustomStringConvertible {
    /// The high and low 64 bits.
    public let bits: UniqueBits

    public init(bits: UniqueBits) { self.bits = bits }

    /// Parses `8-4-4-4-12` hexadecimal digits of either case; nil for anything else.
    public init?(_ text: some StringProtocol) {
        var text = String(text)
        guard let bits = text.withUTF8({ UniqueBits(dashed: $0) }) else { return nil }
        self.bits = bits
    }

    /// Parses the 36 bytes of a uuid; nil for anything else.
    public init?(utf8: UnsafeBufferPointer<UInt8>) {
        guard let bits = UniqueBits(dashed: utf8) else { return nil }
        self.bits = bits
    }

    public var description: String { bits.dashed }

    public static func < (left: InstanceID, right: InstanceID) -> Bool { left.bits < right.bits }
}

/// 128 bits that are meant to occur once: a uuid, a message id.
public struct UniqueBits: Hashable, Sendable, Comparable {
    public let high: UInt64
    public let low: UInt64

    public init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }

    init?(dashed bytes: UnsafeBufferPointer<UInt8>) {
        guard bytes.count == 36 else { return nil }
        var high: UInt64 = 0
        var low: UInt64 = 0
        var digits = 0
        for position in 0..<36 {
            let byte = bytes[position]
            if position == 8 || position == 13 || position == 18 || position == 23 {
                guard byte == UInt8(ascii: "-") else { return nil }
                continue
            }
            let digit: UInt64
            switch byte {
            case 0x30...0x39: digit = UInt64(byte - 0x30)
            case 0x41...0x46: digit = UInt64(byte - 0x41 + 10)
            case 0x61...0x66: digit = UInt64(byte - 0x61 + 10)
            default: return nil
            }
            if digits < 16 { high = high << 4 | digit } else { low = low << 4 | digit }
            digits += 1
        }
        self.init(high: high, low: low)
    }

    /// The 32 hexadecimal digits, lower case (the form of `_msg_id` and `_unique_id`).
    public var hex: String { text(hasDashes: false) }

    /// The form of a uuid.
    public var dashed: String { text(hasDashes: true) }

    private func text(hasDashes: Bool) -> String {
        String(unsafeUninitializedCapacity: 36) { buffer in
            var position = 0
            for digit in 0..<32 {
                if hasDashes, digit == 8 || digit == 12 || digit == 16 || digit == 20 {
                    buffer[position] = UInt8(ascii: "-")
                    position += 1
                }
                let word = digit < 16 ? high : low
                let value = UInt8(truncatingIfNeeded: word >> UInt64(60 - 4 * (digit & 15))) & 0xF
                buffer[position] = value < 10 ? 0x30 + value : 0x61 + value - 10
                position += 1
            }
            return position
        }
    }

    public static func < (left: UniqueBits, right: UniqueBits) -> Bool {
        (left.high, left.low) < (right.high, right.low)
    }
}

/// Where fresh ids come from: a parameter, so that a simulated history repeats.
public protocol IdentifierSource: Sendable {
    /// Fresh bits in the form of a version 4 uuid.
    func next() -> UniqueBits
}

/// Fresh ids from the operating system's random numbers.
public struct RandomIdentifiers: IdentifierSource {
    public init() {}

    public func next() -> UniqueBits {
        var random = SystemRandomNumberGenerator()
        return UniqueBits(
            high: random.next() & 0xFFFF_FFFF_FFFF_0FFF | 0x4000,
            low: random.next() & 0x3FFF_FFFF_FFFF_FFFF | 0x8000_0000_0000_0000)
    }
}
