// SPDX-License-Identifier: Apache-2.0

internal import ComputeModel

/// Walks JSON text (RFC 8259) and builds nothing: the checks of `JSONParser` at a tenth of its price.
///
/// The memory must stay valid for as long as the scanner is used.
struct JSONScanner {
    /// What is wrong with the text, and at which byte it was noticed.
    struct Fault: Error {
        let reason: StaticString
        let offset: Int
    }

    /// The bytes between the quotes of a string.
    struct Text {
        let start: Int
        let end: Int
        let hasEscapes: Bool

        var length: Int { end &- start }
    }

    /// The open containers of one walk are a bit each.
    private static let deepest = 64

    let base: UnsafePointer<UInt8>
    let count: Int
    private let depthLimit: Int
    private let numberLength: Int
    private(set) var index = 0
    private var valuesLeft: Int

    init(base: UnsafePointer<UInt8>, count: Int, limits: JSONLimits) {
        self.base = base
        self.count = count
        depthLimit = min(limits.depth, Self.deepest)
        numberLength = limits.numberLength
        valuesLeft = limits.values
    }

    func fault(_ reason: StaticString) -> Fault { Fault(reason: reason, offset: index) }

    @inline(__always)
    mutating func skipSpace() {
        while index < count {
            let byte = base[index]
            guard byte <= 0x20, byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 else { return }
            index &+= 1
        }
    }

    /// The byte that begins the next value; the value counts against the limit.
    @inline(__always)
    mutating func beginValue() throws(Fault) -> UInt8 {
        skipSpace()
        guard index < count else { throw fault("the text ends where a value should stand") }
        valuesLeft &-= 1
        guard valuesLeft >= 0 else { throw fault("too many values") }
        return base[index]
    }

    /// Goes into the object whose brace is next; false if it is empty (and left again).
    ///
    /// - Parameter depth: how many containers are open around it.
    @inline(__always)
    mutating func enterObject(depth: Int) throws(Fault) -> Bool {
        guard depth < depthLimit else { throw fault("nested too deep") }
        index &+= 1
        skipSpace()
        guard index < count, base[index] == UInt8(ascii: "}") else { return true }
        index &+= 1
        return false
    }

    /// Reads a key and its colon.
    @inline(__always)
    mutating func key() throws(Fault) -> Text {
        skipSpace()
        guard index < count, base[index] == UInt8(ascii: "\"") else { throw fault("a key should stand here") }
        let text = try string()
        skipSpace()
        guard index < count, base[index] == UInt8(ascii: ":") else { throw fault("a colon is missing") }
        index &+= 1
        return text
    }

    /// After a member: true if another one follows, false after the object's end.
    @inline(__always)
    mutating func nextMember() throws(Fault) -> Bool {
        skipSpace()
        guard index < count else { throw fault("the text ends inside an object") }
        let byte = base[index]
        index &+= 1
        if byte == UInt8(ascii: ",") { return true }
        guard byte == UInt8(ascii: "}") else { throw fault("a comma or a closing brace is missing") }
        return false
    }

    /// Walks over the value whose first byte ``beginValue()`` gave.
    mutating func skip(_ first: UInt8, depth: Int) throws(Fault) {
        var open = 0
        var objects: UInt64 = 0
        var first = first
        while true {
            switch first {
            case UInt8(ascii: "\""): _ = try string()
            case UInt8(ascii: "{"):
                if try enterObject(depth: depth &+ open) {
                    open &+= 1
                    objects = objects << 1 | 1
                    _ = try key()
                    first = try beginValue()
                    continue
                }
            case UInt8(ascii: "["):
                guard depth &+ open < depthLimit else { throw fault("nested too deep") }
                index &+= 1
                skipSpace()
                if index < count, base[index] == UInt8(ascii: "]") {
                    index &+= 1
                } else {
                    open &+= 1
                    objects <<= 1
                    first = try beginValue()
                    continue
                }
            case UInt8(ascii: "t"): try word("true")
            case UInt8(ascii: "f"): try word("false")
            case UInt8(ascii: "n"): try word("null")
            case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): _ = try number()
            default: throw fault("no JSON value begins with this byte")
            }
            repeat {
                if open == 0 { return }
                skipSpace()
                guard index < count else { throw fault("the text ends inside an array or object") }
                let byte = base[index]
                index &+= 1
                if byte == UInt8(ascii: ",") {
                    if objects & 1 == 1 { _ = try key() }
                    first = try beginValue()
                    break
                }
                guard byte == (objects & 1 == 1 ? UInt8(ascii: "}") : UInt8(ascii: "]")) else {
                    throw fault("a comma or a closing bracket is missing")
                }
                objects >>= 1
                open &-= 1
            } while true
        }
    }

    /// Reads a word; true for all that is left of it.
    mutating func word(_ word: StaticString) throws(Fault) {
        let length = word.utf8CodeUnitCount
        guard count &- index >= length else { throw fault("the text ends inside a word") }
        for position in 0..<length where base[index &+ position] != word.utf8Start[position] {
            throw fault("an unknown word")
        }
        index &+= length
    }

    @inline(__always)
    private func isDigit(_ at: Int) -> Bool { at < count && base[at] &- 0x30 < 10 }

    /// Reads a number and gives its spelling's bytes.
    mutating func number() throws(Fault) -> Range<Int> {
        let start = index
        if base[index] == UInt8(ascii: "-") { index &+= 1 }
        guard isDigit(index) else { throw fault("a digit should stand here") }
        if base[index] == UInt8(ascii: "0") {
            index &+= 1
            if isDigit(index) { throw fault("a number with a leading zero") }
        } else {
            while isDigit(index) { index &+= 1 }
        }
        if index < count, base[index] == UInt8(ascii: ".") {
            index &+= 1
            guard isDigit(index) else { throw fault("a digit should follow the point") }
            while isDigit(index) { index &+= 1 }
        }
        if index < count, base[index] | 0x20 == UInt8(ascii: "e") {
            index &+= 1
            if index < count, base[index] == UInt8(ascii: "+") || base[index] == UInt8(ascii: "-") { index &+= 1 }
            guard isDigit(index) else { throw fault("a digit should stand in the exponent") }
            while isDigit(index) { index &+= 1 }
        }
        guard index &- start <= numberLength else { throw fault("a number of too many characters") }
        return start..<index
    }

    /// Reads the string whose quote is next.
    mutating func string() throws(Fault) -> Text {
        let start = index &+ 1
        var at = start
        var hasEscapes = false
        while true {
            // Eight plain bytes at a time. The lowest flagged byte is exact; borrows can only flag bytes above it.
            while at &+ 8 <= count {
                let special = Self.specialBytes(load(at))
                if special != 0 {
                    at &+= special.trailingZeroBitCount &>> 3
                    break
                }
                at &+= 8
            }
            index = at
            guard at < count else { throw fault("the text ends inside a string") }
            let byte = base[at]
            if byte == UInt8(ascii: "\"") {
                index = at &+ 1
                return Text(start: start, end: at, hasEscapes: hasEscapes)
            }
            if byte == UInt8(ascii: "\\") {
                hasEscapes = true
                _ = try escape()
                at = index
            } else if byte >= 0x80 {
                at &+= try sequenceLength(at)
            } else {
                guard byte >= 0x20 else { throw fault("a bare control character in a string") }
                at &+= 1
            }
        }
    }

    /// Reads the string whose quote is next and writes what it stands for to `output`, which has room for the rest of
    /// the text and eight bytes more.
    ///
    /// - Returns: the number of bytes written.
    mutating func unescapedString(into output: UnsafeMutablePointer<UInt8>) throws(Fault) -> Int {
        var at = index &+ 1
        var written = 0
        while true {
            while at &+ 8 <= count {
                let word = load(at)
                UnsafeMutableRawPointer(output + written).storeBytes(of: word, as: UInt64.self)
                let special = Self.specialBytes(word)
                if special != 0 {
                    let plain = special.trailingZeroBitCount &>> 3
                    at &+= plain
                    written &+= plain
                    break
                }
                at &+= 8
                written &+= 8
            }
            index = at
            guard at < count else { throw fault("the text ends inside a string") }
            let byte = base[at]
            switch byte {
            case UInt8(ascii: "\""):
                index = at &+ 1
                return written
            case UInt8(ascii: "\\"):
                // All but a few escapes of a document inside a document are its quotes.
                if at &+ 1 < count, base[at &+ 1] == UInt8(ascii: "\"") {
                    output[written] = UInt8(ascii: "\"")
                    written &+= 1
                    at &+= 2
                    continue
                }
                let scalar = try escape()
                at = index
                if scalar < 0x80 {
                    output[written] = UInt8(truncatingIfNeeded: scalar)
                    written &+= 1
                } else if let encoded = Unicode.Scalar(scalar).flatMap(UTF8.encode) {
                    for unit in encoded {
                        output[written] = unit
                        written &+= 1
                    }
                }
            case 0x80...:
                let length = try sequenceLength(at)
                for _ in 0..<length {
                    output[written] = base[at]
                    written &+= 1
                    at &+= 1
                }
            default:
                guard byte >= 0x20 else { throw fault("a bare control character in a string") }
                output[written] = byte
                written &+= 1
                at &+= 1
            }
        }
    }

    @inline(__always)
    private func load(_ at: Int) -> UInt64 {
        UInt64(littleEndian: UnsafeRawPointer(base + at).loadUnaligned(as: UInt64.self))
    }

    /// The high bit of each byte that is a quote, a backslash, a control character or not ASCII.
    @inline(__always)
    private static func specialBytes(_ word: UInt64) -> UInt64 {
        let ones: UInt64 = 0x0101_0101_0101_0101
        let quotes = (word ^ (ones &* 0x22)) &- ones
        let backslashes = (word ^ (ones &* 0x5C)) &- ones
        let controls = word &- ones &* 0x20
        return (quotes | backslashes | controls | word) & (ones &* 0x80)
    }

    /// Reads the escape at the index and gives the scalar that it stands for.
    private mutating func escape() throws(Fault) -> UInt32 {
        guard index &+ 1 < count else { throw fault("the text ends inside an escape") }
        let letter = base[index &+ 1]
        index &+= 2
        switch letter {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): return UInt32(letter)
        case UInt8(ascii: "b"): return 0x08
        case UInt8(ascii: "f"): return 0x0C
        case UInt8(ascii: "n"): return 0x0A
        case UInt8(ascii: "r"): return 0x0D
        case UInt8(ascii: "t"): return 0x09
        case UInt8(ascii: "u"):
            let scalar = try hexadecimal()
            guard scalar & 0xF800 == 0xD800 else { return scalar }
            guard scalar < 0xDC00, index &+ 1 < count, base[index] == UInt8(ascii: "\\"),
                base[index &+ 1] == UInt8(ascii: "u")
            else { throw fault("half of a surrogate pair") }
            index &+= 2
            let low = try hexadecimal()
            guard low & 0xFC00 == 0xDC00 else { throw fault("half of a surrogate pair") }
            return 0x10000 &+ (scalar &- 0xD800) << 10 &+ (low &- 0xDC00)
        default: throw fault("an unknown escape")
        }
    }

    private mutating func hexadecimal() throws(Fault) -> UInt32 {
        guard index &+ 4 <= count else { throw fault("the text ends inside an escape") }
        var value: UInt32 = 0
        for _ in 0..<4 {
            guard let digit = hexadecimalDigit(base[index]) else { throw fault("a hexadecimal digit is missing") }
            value = value << 4 | UInt32(digit)
            index &+= 1
        }
        return value
    }

    /// The length of the UTF-8 sequence at `at`, by the table of RFC 3629.
    private func sequenceLength(_ at: Int) throws(Fault) -> Int {
        let lead = base[at]
        let length: Int
        var second: ClosedRange<UInt8> = 0x80...0xBF
        switch lead {
        case 0xC2...0xDF: length = 2
        case 0xE0: (length, second) = (3, 0xA0...0xBF)
        case 0xED: (length, second) = (3, 0x80...0x9F)
        case 0xE1...0xEF: length = 3
        case 0xF0: (length, second) = (4, 0x90...0xBF)
        case 0xF1...0xF3: length = 4
        case 0xF4: (length, second) = (4, 0x80...0x8F)
        default: throw fault("a string that is not UTF-8")
        }
        guard at &+ length <= count, second.contains(base[at &+ 1]) else { throw fault("a string that is not UTF-8") }
        for position in 2..<max(2, length) where base[at &+ position] & 0xC0 != 0x80 {
            throw fault("a string that is not UTF-8")
        }
        return length
    }
}

/// The value of a hexadecimal digit of either case; nil for any other byte.
@inline(__always)
func hexadecimalDigit(_ byte: UInt8) -> UInt8? {
    switch byte {
    case 0x30...0x39: byte &- 0x30
    case 0x41...0x46: byte &- 0x41 &+ 10
    case 0x61...0x66: byte &- 0x61 &+ 10
    default: nil
    }
}
