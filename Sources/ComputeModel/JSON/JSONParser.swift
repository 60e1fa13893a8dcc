// SPDX-License-Identifier: Apache-2.0

/// Why a text is not the JSON that we accept.
public struct JSONError: Error, Sendable, Equatable, CustomStringConvertible {
    /// What is wrong, in words.
    public let reason: String
    /// The byte at which it was noticed.
    public let offset: Int

    public var description: String { "\(reason) at byte \(offset)" }
}

/// What a text may cost us at the most; beyond it the text is refused, however well formed.
public struct JSONLimits: Sendable, Equatable {
    /// Arrays and objects inside one another.
    public var depth: Int
    /// Values in the whole document: a bomb of two-byte values would otherwise cost 30 times its size in memory.
    public var values: Int
    /// Bytes of one number.
    public var numberLength: Int

    public init(depth: Int = 64, values: Int = 500_000, numberLength: Int = 512) {
        self.depth = depth
        self.values = values
        self.numberLength = numberLength
    }
}

/// Reads JSON text (RFC 8259) into a ``JSONValue``.
///
/// Stricter than Python's: no `NaN`, no lone surrogate, no invalid UTF-8, and no key twice in an object, because two
/// readers of one message must not see different things in it.
public struct JSONParser {
    private let bytes: UnsafeBufferPointer<UInt8>
    private let limits: JSONLimits
    private var index = 0
    private var valuesLeft: Int
    private var members = MoveStack<JSONObject.Member>(capacity: 128)
    private var keyHashes = MoveStack<UInt64>(capacity: 128)
    private var elements = MoveStack<JSONValue>(capacity: 32)

    /// Parses the whole of `bytes`.
    public static func parse(_ bytes: [UInt8], limits: JSONLimits = JSONLimits()) throws(JSONError) -> JSONValue {
        let outcome: Result<JSONValue, JSONError> = bytes.withUnsafeBufferPointer { buffer in
            parse(buffer, limits: limits)
        }
        return try outcome.get()
    }

    /// Parses the whole of `text`.
    public static func parse(_ text: String, limits: JSONLimits = JSONLimits()) throws(JSONError) -> JSONValue {
        var text = text
        let outcome: Result<JSONValue, JSONError> = text.withUTF8 { buffer in parse(buffer, limits: limits) }
        return try outcome.get()
    }

    private static func parse(
        _ buffer: UnsafeBufferPointer<UInt8>, limits: JSONLimits
    ) -> Result<JSONValue, JSONError> {
        var parser = JSONParser(buffer, limits: limits)
        defer { parser.deallocate() }
        do throws(JSONError) {
            let value = try parser.value(depth: 0)
            parser.skipSpace()
            guard parser.index == buffer.count else { throw parser.failure("text after the end of the document") }
            return .success(value)
        } catch {
            return .failure(error)
        }
    }

    private init(_ bytes: UnsafeBufferPointer<UInt8>, limits: JSONLimits) {
        self.bytes = bytes
        self.limits = limits
        valuesLeft = limits.values
    }

    private mutating func deallocate() {
        members.deallocate()
        keyHashes.deallocate()
        elements.deallocate()
    }

    private func failure(_ reason: String) -> JSONError { JSONError(reason: reason, offset: index) }

    @inline(__always)
    private mutating func skipSpace() {
        while index < bytes.count {
            switch bytes[index] {
            case 0x20, 0x0A, 0x0D, 0x09: index += 1
            default: return
            }
        }
    }

    private mutating func value(depth: Int) throws(JSONError) -> JSONValue {
        skipSpace()
        guard index < bytes.count else { throw failure("the text ends where a value should stand") }
        valuesLeft -= 1
        guard valuesLeft >= 0 else { throw failure("more than \(limits.values) values") }
        switch bytes[index] {
        case UInt8(ascii: "{"): return try object(depth: depth + 1)
        case UInt8(ascii: "["): return try array(depth: depth + 1)
        case UInt8(ascii: "\""): return .string(try string())
        case UInt8(ascii: "t"): return try word("true", .bool(true))
        case UInt8(ascii: "f"): return try word("false", .bool(false))
        case UInt8(ascii: "n"): return try word("null", .null)
        case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): return .number(try number())
        default: throw failure("no JSON value begins with this byte")
        }
    }

    private mutating func word(_ word: StaticString, _ value: JSONValue) throws(JSONError) -> JSONValue {
        let length = word.utf8CodeUnitCount
        guard bytes.count - index >= length else { throw failure("the text ends inside a word") }
        for position in 0..<length where bytes[index + position] != word.utf8Start[position] {
            throw failure("an unknown word")
        }
        index += length
        return value
    }

    private mutating func object(depth: Int) throws(JSONError) -> JSONValue {
        guard depth <= limits.depth else { throw failure("nested deeper than \(limits.depth)") }
        index += 1
        let first = members.count
        let firstHash = keyHashes.count
        var seen: Set<Spelling>?
        skipSpace()
        if index < bytes.count, bytes[index] == UInt8(ascii: "}") {
            index += 1
            return .object(JSONObject())
        }
        while true {
            skipSpace()
            guard index < bytes.count, bytes[index] == UInt8(ascii: "\"") else {
                throw failure("a key should stand here")
            }
            let keyStart = index + 1
            let key = try string()
            // A walk is cheaper than a set for the objects of real messages; past that, a set keeps a bomb linear.
            if members.count - first < 80 {
                let hash = Self.hash(key, spelled: UnsafeBufferPointer(rebasing: bytes[keyStart..<index - 1]))
                if keyHashes.contains(from: firstHash, where: { $0 == hash }),
                    members.contains(from: first, where: { $0.key.hasSameBytes(as: key) })
                {
                    throw failure("the same key twice in an object")
                }
                keyHashes.push(hash)
            } else {
                if seen == nil { seen = Set(members.elements(from: first).map { Spelling(text: $0.key) }) }
                guard seen?.insert(Spelling(text: key)).inserted == true else {
                    throw failure("the same key twice in an object")
                }
            }
            skipSpace()
            guard index < bytes.count, bytes[index] == UInt8(ascii: ":") else { throw failure("a colon is missing") }
            index += 1
            members.push(.init(key: key, value: try value(depth: depth)))
            skipSpace()
            guard index < bytes.count else { throw failure("the text ends inside an object") }
            let next = bytes[index]
            index += 1
            if next == UInt8(ascii: "}") {
                keyHashes.drop(from: firstHash)
                return .object(JSONObject(distinctMembers: members.take(from: first)))
            }
            guard next == UInt8(ascii: ",") else { throw failure("a comma or a closing brace is missing") }
        }
    }

    /// Tells most keys apart at the cost of a number each; two that have one hash are compared.
    private static func hash(_ key: String, spelled: UnsafeBufferPointer<UInt8>) -> UInt64 {
        // What stands there is the key itself unless it has escapes, which are always longer.
        if key.utf8.count == spelled.count { return hash(UnsafeRawBufferPointer(spelled)) }
        var key = key
        return key.withUTF8 { hash(UnsafeRawBufferPointer($0)) }
    }

    private static func hash(_ bytes: UnsafeRawBufferPointer) -> UInt64 {
        let prime: UInt64 = 0x9E37_79B9_7F4A_7C15
        var hash = UInt64(truncatingIfNeeded: bytes.count)
        var index = 0
        while index &+ 8 <= bytes.count {
            hash = (hash ^ bytes.loadUnaligned(fromByteOffset: index, as: UInt64.self)) &* prime
            hash ^= hash >> 32
            index &+= 8
        }
        while index < bytes.count {
            hash = (hash ^ UInt64(bytes[index])) &* prime
            index &+= 1
        }
        return hash
    }

    private mutating func array(depth: Int) throws(JSONError) -> JSONValue {
        guard depth <= limits.depth else { throw failure("nested deeper than \(limits.depth)") }
        index += 1
        let first = elements.count
        skipSpace()
        if index < bytes.count, bytes[index] == UInt8(ascii: "]") {
            index += 1
            return .array([])
        }
        while true {
            elements.push(try value(depth: depth))
            skipSpace()
            guard index < bytes.count else { throw failure("the text ends inside an array") }
            let next = bytes[index]
            index += 1
            if next == UInt8(ascii: "]") { return .array(elements.take(from: first)) }
            guard next == UInt8(ascii: ",") else { throw failure("a comma or a closing bracket is missing") }
        }
    }

    private mutating func number() throws(JSONError) -> JSONNumber {
        let start = index
        func digit(_ at: Int) -> Bool { at < bytes.count && bytes[at] >= 0x30 && bytes[at] <= 0x39 }
        if bytes[index] == UInt8(ascii: "-") { index += 1 }
        guard digit(index) else { throw failure("a digit should stand here") }
        if bytes[index] == UInt8(ascii: "0") {
            index += 1
            if digit(index) { throw failure("a number with a leading zero") }
        } else {
            while digit(index) { index += 1 }
        }
        if index < bytes.count, bytes[index] == UInt8(ascii: ".") {
            index += 1
            guard digit(index) else { throw failure("a digit should follow the point") }
            while digit(index) { index += 1 }
        }
        if index < bytes.count, bytes[index] | 0x20 == UInt8(ascii: "e") {
            index += 1
            if index < bytes.count, bytes[index] == UInt8(ascii: "+") || bytes[index] == UInt8(ascii: "-") {
                index += 1
            }
            guard digit(index) else { throw failure("a digit should stand in the exponent") }
            while digit(index) { index += 1 }
        }
        guard index - start <= limits.numberLength else {
            throw failure("a number of more than \(limits.numberLength) characters")
        }
        return JSONNumber(
            validSpelling: String(decoding: UnsafeBufferPointer(rebasing: bytes[start..<index]), as: UTF8.self))
    }

    private mutating func string() throws(JSONError) -> String {
        index += 1
        let start = index
        var isASCII = true
        while true {
            index = PlainText.end(in: bytes, from: index)
            guard index < bytes.count else { throw failure("the text ends inside a string") }
            switch bytes[index] {
            case UInt8(ascii: "\""):
                let text = UnsafeBufferPointer(rebasing: bytes[start..<index])
                if isASCII {
                    index += 1
                    return String(decoding: text, as: UTF8.self)
                }
                guard let text = String(validating: text, as: UTF8.self) else {
                    throw failure("a string that is not UTF-8")
                }
                index += 1
                return text
            case UInt8(ascii: "\\"): return try escapedString(from: start)
            case 0..<0x20: throw failure("a bare control character in a string")
            case let byte:
                if byte >= 0x80 { isASCII = false }
                index += 1
            }
        }
    }

    private mutating func escapedString(from start: Int) throws(JSONError) -> String {
        // No escape is shorter than what it stands for, so the text between the quotes is room enough.
        let end = try endOfString()
        let buffer = UnsafeMutablePointer<UInt8>.allocate(capacity: end - start + 4)
        defer { buffer.deallocate() }
        guard let source = bytes.baseAddress else { throw failure("the text ends inside a string") }
        buffer.update(from: source + start, count: index - start)
        var count = index - start
        while index < end {
            let plain = index
            index = PlainText.end(in: bytes, from: index)
            (buffer + count).update(from: source + plain, count: index - plain)
            count += index - plain
            guard index < end else { break }
            switch bytes[index] {
            case UInt8(ascii: "\\"): try escape(into: buffer, at: &count)
            case 0..<0x20: throw failure("a bare control character in a string")
            case let byte:
                buffer[count] = byte
                count += 1
                index += 1
            }
        }
        guard let text = String(validating: UnsafeBufferPointer(start: buffer, count: count), as: UTF8.self) else {
            throw failure("a string that is not UTF-8")
        }
        index += 1
        return text
    }

    /// Where the quote stands that ends the string in which `index` is.
    private func endOfString() throws(JSONError) -> Int {
        var position = index
        while true {
            position = PlainText.end(in: bytes, from: position)
            guard position < bytes.count else { break }
            switch bytes[position] {
            case UInt8(ascii: "\""): return position
            case UInt8(ascii: "\\"): position += 2
            default: position += 1
            }
        }
        throw JSONError(reason: "the text ends inside a string", offset: bytes.count)
    }

    private mutating func escape(into buffer: UnsafeMutablePointer<UInt8>, at count: inout Int) throws(JSONError) {
        guard index + 1 < bytes.count else { throw failure("the text ends inside an escape") }
        index += 2
        let letter = bytes[index - 1]
        switch letter {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): buffer[count] = letter
        case UInt8(ascii: "b"): buffer[count] = 0x08
        case UInt8(ascii: "f"): buffer[count] = 0x0C
        case UInt8(ascii: "n"): buffer[count] = 0x0A
        case UInt8(ascii: "r"): buffer[count] = 0x0D
        case UInt8(ascii: "t"): buffer[count] = 0x09
        case UInt8(ascii: "u"):
            let unicode = try unicodeEscape()
            for byte in UTF8.encode(unicode) ?? UTF8.encodedReplacementCharacter {
                buffer[count] = byte
                count += 1
            }
            return
        default: throw failure("an unknown escape")
        }
        count += 1
    }

    private mutating func unicodeEscape() throws(JSONError) -> Unicode.Scalar {
        var scalar = try hex4()
        if scalar >= 0xD800, scalar < 0xDC00 {
            guard index + 1 < bytes.count, bytes[index] == UInt8(ascii: "\\"), bytes[index + 1] == UInt8(ascii: "u")
            else { throw failure("half of a surrogate pair") }
            index += 2
            let low = try hex4()
            guard low >= 0xDC00, low < 0xE000 else { throw failure("half of a surrogate pair") }
            scalar = 0x10000 + (scalar - 0xD800) << 10 + (low - 0xDC00)
        }
        guard let unicode = Unicode.Scalar(scalar) else { throw failure("half of a surrogate pair") }
        return unicode
    }

    private mutating func hex4() throws(JSONError) -> UInt32 {
        guard index + 4 <= bytes.count else { throw failure("the text ends inside an escape") }
        var value: UInt32 = 0
        for _ in 0..<4 {
            let byte = bytes[index]
            switch byte {
            case 0x30...0x39: value = value << 4 | UInt32(byte - 0x30)
            case 0x41...0x46: value = value << 4 | UInt32(byte - 0x41 + 10)
            case 0x61...0x66: value = value << 4 | UInt32(byte - 0x61 + 10)
            default: throw failure("four hexadecimal digits should stand here")
            }
            index += 1
        }
        return value
    }
}

/// A key by its bytes, where `String` would compare by canonical equivalence.
private struct Spelling: Hashable {
    let text: String

    static func == (left: Spelling, right: Spelling) -> Bool { left.text.hasSameBytes(as: right.text) }

    // Equal bytes have equal hashes, whatever else shares them.
    func hash(into hasher: inout Hasher) { hasher.combine(text) }
}
