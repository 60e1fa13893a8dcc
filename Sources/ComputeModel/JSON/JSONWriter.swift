// SPDX-License-Identifier: Apache-2.0

/// Writes a ``JSONValue`` as ASCII text, as Python's `json.dumps` does: everything else is escaped.
///
/// ASCII, because the receivers of old take bytes for text without asking which encoding.
public enum JSONWriter {
    /// The text in bytes, without white space.
    public static func bytes(_ value: JSONValue, reserving capacity: Int = 1024) -> [UInt8] {
        var output: [UInt8] = []
        output.reserveCapacity(capacity)
        append(value, to: &output)
        return output
    }

    /// The text, without white space.
    public static func text(_ value: JSONValue) -> String { String(decoding: bytes(value), as: UTF8.self) }

    /// Appends the text of `value`.
    public static func append(_ value: JSONValue, to output: inout [UInt8]) {
        switch value {
        case .null: appendWord("null", to: &output)
        case .bool(true): appendWord("true", to: &output)
        case .bool(false): appendWord("false", to: &output)
        case .number(let number): output.append(contentsOf: number.spelling.utf8)
        case .string(let text): appendQuoted(text, to: &output)
        case .array(let elements):
            output.append(UInt8(ascii: "["))
            for (position, element) in elements.enumerated() {
                if position > 0 { output.append(UInt8(ascii: ",")) }
                append(element, to: &output)
            }
            output.append(UInt8(ascii: "]"))
        case .object(let object): append(object, to: &output)
        }
    }

    /// Appends the text of `object`.
    public static func append(_ object: JSONObject, to output: inout [UInt8]) {
        output.append(UInt8(ascii: "{"))
        var isFirst = true
        for member in object.members {
            if !isFirst { output.append(UInt8(ascii: ",")) }
            isFirst = false
            appendQuoted(member.key, to: &output)
            output.append(UInt8(ascii: ":"))
            append(member.value, to: &output)
        }
        output.append(UInt8(ascii: "}"))
    }

    /// Appends `text` as a JSON string with its quotes.
    public static func appendQuoted(_ text: String, to output: inout [UInt8]) {
        var text = text
        text.withUTF8 { appendQuoted($0, to: &output) }
    }

    /// Appends valid UTF-8 as a JSON string with its quotes; for documents inside documents.
    public static func appendQuoted(_ utf8: UnsafeBufferPointer<UInt8>, to output: inout [UInt8]) {
        output.append(UInt8(ascii: "\""))
        var plainStart = 0
        var index = 0
        while true {
            index = PlainText.end(in: utf8, from: index, stoppingAtDelete: true)
            output.append(contentsOf: UnsafeBufferPointer(rebasing: utf8[plainStart..<index]))
            guard index < utf8.count else { break }
            let byte = utf8[index]
            switch byte {
            case UInt8(ascii: "\""): appendWord("\\\"", to: &output)
            case UInt8(ascii: "\\"): appendWord("\\\\", to: &output)
            case 0x0A: appendWord("\\n", to: &output)
            case 0x0D: appendWord("\\r", to: &output)
            case 0x09: appendWord("\\t", to: &output)
            case 0..<0x80: appendEscape(UInt16(byte), to: &output)
            default:
                let length = byte >= 0xF0 ? 4 : byte >= 0xE0 ? 3 : 2
                let end = min(index + length, utf8.count)
                for unit in String(decoding: utf8[index..<end], as: UTF8.self).utf16 {
                    appendEscape(unit, to: &output)
                }
                index = end - 1
            }
            index += 1
            plainStart = index
        }
        output.append(UInt8(ascii: "\""))
    }

    private static func appendWord(_ text: StaticString, to output: inout [UInt8]) {
        output.append(contentsOf: UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
    }

    private static func appendEscape(_ unit: UInt16, to output: inout [UInt8]) {
        appendWord("\\u", to: &output)
        for shift in stride(from: 12, through: 0, by: -4) {
            let digit = UInt8(unit >> UInt16(shift) & 0xF)
            output.append(digit < 10 ? 0x30 + digit : 0x61 + digit - 10)
        }
    }
}
