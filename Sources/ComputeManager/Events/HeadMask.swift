// SPDX-License-Identifier: Apache-2.0

/// Takes the secrets out of the beginning of a message that may not parse, or not be whole: what follows a key that names
/// a secret, in JSON, in JSON within a string, or in what Python prints of a dictionary.
package struct HeadMask {
    private static let mask = Array("***".utf8)
    private static let longestKey = 256

    private let bytes: [UInt8]
    private var position = 0
    private var result: [UInt8] = []

    package static func masked(_ head: [UInt8]) -> [UInt8] {
        var mask = HeadMask(bytes: head)
        mask.run()
        return mask.result
    }

    private init(bytes: [UInt8]) { self.bytes = bytes }

    private mutating func run() {
        result.reserveCapacity(bytes.count)
        while position < bytes.count {
            if Self.isQuote(bytes[position]), let value = secretValue(after: position + 1) {
                result += bytes[position..<value]
                position = value
                skipValue()
            } else {
                result.append(bytes[position])
                position += 1
            }
        }
    }

    /// Where the value of the secret key begins that begins here.
    private func secretValue(after start: Int) -> Int? {
        var end = start
        while end < bytes.count, end - start < Self.longestKey, Self.isOfKey(bytes[end]) { end += 1 }
        guard end > start, SecretMask.isSecret(key: bytes[start..<end]) else { return nil }
        while end < bytes.count, bytes[end] == UInt8(ascii: "\\") { end += 1 }
        guard end < bytes.count, bytes[end] == bytes[start - 1] else { return nil }
        end = skippedSpace(end + 1)
        guard end < bytes.count, bytes[end] == UInt8(ascii: ":") else { return nil }
        return skippedSpace(end + 1)
    }

    private func skippedSpace(_ start: Int) -> Int {
        var end = start
        while end < bytes.count, [0x20, 0x09, 0x0A, 0x0D].contains(bytes[end]) { end += 1 }
        return end
    }

    private static func isOfKey(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"): true
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "-"): true
        default: false
        }
    }

    private static func isQuote(_ byte: UInt8) -> Bool { byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "'") }

    /// Goes behind a value; a string, a list, an object or a number leaves the mask, a word what it is.
    private mutating func skipValue() {
        // Python 2 marks text with a u, Python 3 bytes with a b.
        if position + 1 < bytes.count, [0x62, 0x75].contains(bytes[position]), Self.isQuote(bytes[position + 1]) {
            position += 1
        }
        guard position < bytes.count else { return }
        switch bytes[position] {
        case UInt8(ascii: "["), UInt8(ascii: "{"): skipNested()
        case UInt8(ascii: "\\"), UInt8(ascii: "\""), UInt8(ascii: "'"): skipString()
        case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"):
            while position < bytes.count, !Self.endsNumber(bytes[position]) { position += 1 }
        default: return
        }
        result += Self.mask
    }

    private static func endsNumber(_ byte: UInt8) -> Bool {
        byte == UInt8(ascii: ",") || byte == UInt8(ascii: "}") || byte == UInt8(ascii: "]")
    }

    /// A string ends at a quote of the same depth: in JSON within strings that is one with as many backslashes before it
    /// as the one that began it, beside those that stand for backslashes.
    private mutating func skipString() {
        let depth = backslashes()
        guard position < bytes.count, Self.isQuote(bytes[position]) else { return }
        let quote = bytes[position]
        position += 1
        while position < bytes.count {
            let count = backslashes()
            guard position < bytes.count else { return }
            let isQuote = bytes[position] == quote
            position += 1
            if isQuote, count < depth || count % (2 * (depth + 1)) == depth { return }
        }
    }

    private mutating func backslashes() -> Int {
        let start = position
        while position < bytes.count, bytes[position] == UInt8(ascii: "\\") { position += 1 }
        return position - start
    }

    /// A list or an object; one that is cut off goes to the end.
    private mutating func skipNested() {
        var depth = 0
        while position < bytes.count {
            switch bytes[position] {
            case UInt8(ascii: "["), UInt8(ascii: "{"): depth += 1
            case UInt8(ascii: "]"), UInt8(ascii: "}"): depth -= 1
            case UInt8(ascii: "\\"), UInt8(ascii: "\""), UInt8(ascii: "'"):
                skipString()
                continue
            default: break
            }
            position += 1
            if depth == 0 { return }
        }
    }
}
