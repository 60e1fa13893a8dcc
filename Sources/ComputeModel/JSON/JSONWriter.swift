// SPDX-License-Identifier: Apache-2.0

/// Writes a ``JSONValue`` as ASCII text, as Python's `json.dumps` does: everything else is escaped.
///
/// ASCII, because the receivers of old take bytes for text without asking which encoding.
public enum JSONWriter {
    /// The text in bytes, without white space.
    public static func bytes(_ value: JSONValue, reserving capacity: Int = 1024) -> [UInt8] {
        var output = ByteBuffer(capacity: capacity)
        defer { output.deallocate() }
        write(value, to: &output)
        return Array(output.bytes)
    }

    /// The text, without white space.
    public static func text(_ value: JSONValue) -> String {
        var output = ByteBuffer(capacity: 256)
        defer { output.deallocate() }
        write(value, to: &output)
        return String(decoding: output.bytes, as: UTF8.self)
    }

    /// Appends the text of `value`.
    public static func append(_ value: JSONValue, to output: inout [UInt8]) {
        append(to: &output) { write(value, to: &$0) }
    }

    /// Appends the text of `object`.
    public static func append(_ object: JSONObject, to output: inout [UInt8]) {
        append(to: &output) { write(object, to: &$0) }
    }

    /// Appends `text` as a JSON string with its quotes.
    public static func appendQuoted(_ text: String, to output: inout [UInt8]) {
        append(to: &output) { write(text, to: &$0) }
    }

    /// Appends valid UTF-8 as a JSON string with its quotes; for documents inside documents.
    public static func appendQuoted(_ utf8: UnsafeBufferPointer<UInt8>, to output: inout [UInt8]) {
        append(to: &output) { write(utf8, to: &$0) }
    }

    private static func append(to output: inout [UInt8], _ body: (inout ByteBuffer) -> Void) {
        var buffer = ByteBuffer(capacity: 1024)
        defer { buffer.deallocate() }
        body(&buffer)
        output.append(contentsOf: buffer.bytes)
    }

    private static func write(_ value: JSONValue, to output: inout ByteBuffer) {
        switch value {
        case .null: writeWord("null", to: &output)
        case .bool(true): writeWord("true", to: &output)
        case .bool(false): writeWord("false", to: &output)
        case .number(let number):
            var spelling = number.spelling
            spelling.withUTF8 { output.append($0) }
        case .string(let text): write(text, to: &output)
        case .array(let elements):
            output.append(UInt8(ascii: "["))
            var isFirst = true
            for element in elements {
                if !isFirst { output.append(UInt8(ascii: ",")) }
                isFirst = false
                write(element, to: &output)
            }
            output.append(UInt8(ascii: "]"))
        case .object(let object): write(object, to: &output)
        }
    }

    private static func write(_ object: JSONObject, to output: inout ByteBuffer) {
        output.append(UInt8(ascii: "{"))
        var isFirst = true
        for member in object.members {
            if !isFirst { output.append(UInt8(ascii: ",")) }
            isFirst = false
            write(member.key, to: &output)
            output.append(UInt8(ascii: ":"))
            write(member.value, to: &output)
        }
        output.append(UInt8(ascii: "}"))
    }

    private static func write(_ text: String, to output: inout ByteBuffer) {
        var text = text
        text.withUTF8 { write($0, to: &output) }
    }

    private static func write(_ utf8: UnsafeBufferPointer<UInt8>, to output: inout ByteBuffer) {
        output.append(UInt8(ascii: "\""))
        var plainStart = 0
        var index = 0
        while true {
            index = PlainText.end(in: utf8, from: index, stoppingAtDelete: true)
            output.append(UnsafeBufferPointer(rebasing: utf8[plainStart..<index]))
            guard index < utf8.count else { break }
            let byte = utf8[index]
            switch byte {
            case UInt8(ascii: "\""): writeWord("\\\"", to: &output)
            case UInt8(ascii: "\\"): writeWord("\\\\", to: &output)
            case 0x0A: writeWord("\\n", to: &output)
            case 0x0D: writeWord("\\r", to: &output)
            case 0x09: writeWord("\\t", to: &output)
            case 0..<0x80: writeEscape(UInt16(byte), to: &output)
            default:
                let length = byte >= 0xF0 ? 4 : byte >= 0xE0 ? 3 : 2
                let end = min(index + length, utf8.count)
                for unit in String(decoding: utf8[index..<end], as: UTF8.self).utf16 {
                    writeEscape(unit, to: &output)
                }
                index = end - 1
            }
            index += 1
            plainStart = index
        }
        output.append(UInt8(ascii: "\""))
    }

    private static func writeWord(_ text: StaticString, to output: inout ByteBuffer) {
        output.append(UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
    }

    private static func writeEscape(_ unit: UInt16, to output: inout ByteBuffer) {
        writeWord("\\u", to: &output)
        for shift in stride(from: 12, through: 0, by: -4) {
            let digit = UInt8(unit >> UInt16(shift) & 0xF)
            output.append(digit < 10 ? 0x30 + digit : 0x61 + digit - 10)
        }
    }
}
