// SPDX-License-Identifier: Apache-2.0

import ComputeModel
import Testing

@Suite("JSON is read by the letter of RFC 8259")
struct JSONParserTests {
    @Test(
        "what the grammar allows is read",
        arguments: [
            "null", " true ", "false", "0", "-0", "-0.0", "1e5", "1E+05", "-12.5e-3", "[]", "[ ]", "{}", "{ }", "\"\"",
            "[1,2 , 3]", "{\"a\":1,\"b\":[{}]}", "\"\\u0041\\n\\\"\\\\\\/\\b\\f\\r\\t\"", "\"\\ud83d\\ude00\"",
            "\"é日😀\"",
            "\"\u{7F}\"", "\"\\u0000\"", "\t\r\n [\n]\n",
        ])
    func accepts(text: String) throws {
        _ = try JSONParser.parse(text)
    }

    @Test(
        "what it does not allow is refused",
        arguments: [
            "", " ", "nul", "True", "NaN", "Infinity", "-", "+1", "01", "-01", "1.", ".5", "1e", "1e+", "0x1", "1 2",
            "[1,]",
            "[,1]", "[1 2]", "[", "]", "{", "{\"a\"}", "{\"a\":}", "{\"a\":1,}", "{a:1}", "{1:1}", "{\"a\":1 \"b\":2}",
            "\"",
            "\"\\x\"", "\"\\u12\"", "\"\\u12g4\"", "\"\\ud800\"", "\"\\udc00\"", "\"\\ud800\\u0041\"", "\"\\ud800x\"",
            "\"\n\"", "\"\u{1}\"", "'a'", "// a\n1", "[1]x", "\u{FEFF}1", "{\"a\":1,\"a\":2}",
            "{\"a\":1,\"\\u0061\":2}",
            "{\"a\":{\"b\":[{\"c\":1,\"c\":1}]}}",
        ])
    func refuses(text: String) {
        #expect(throws: JSONError.self) { try JSONParser.parse(text) }
    }

    @Test(
        "bytes that are not UTF-8 are refused, in values and in keys",
        arguments: [
            [0x80], [0xC0, 0x80], [0xC1, 0xBF], [0xC3], [0xE0, 0x9F, 0xBF], [0xED, 0xA0, 0x80], [0xE2, 0x82],
            [0xF0, 0x8F, 0xBF, 0xBF], [0xF4, 0x90, 0x80, 0x80], [0xF5, 0x80, 0x80, 0x80], [0xFF],
        ] as [[UInt8]])
    func refusesInvalidUTF8(bytes: [UInt8]) {
        let quoted = [UInt8(ascii: "\"")] + bytes + [UInt8(ascii: "\"")]
        #expect(throws: JSONError.self) { try JSONParser.parse(quoted) }
        #expect(throws: JSONError.self) {
            try JSONParser.parse(Array("{".utf8) + quoted + Array(":1}".utf8))
        }
        #expect(throws: JSONError.self) {
            try JSONParser.parse(Array("\"\\n".utf8) + bytes + Array("\"".utf8))
        }
    }

    @Test("numbers keep their spelling and have the value of it")
    func numbers() throws {
        let text = "[1.0,1e2,123456789012345678901234567890,-0,9223372036854775807,0.5]"
        let value = try JSONParser.parse(text)
        #expect(JSONWriter.text(value) == text)
        let numbers = try #require(value.array)
        #expect(numbers.map(\.int) == [1, 100, nil, 0, 9_223_372_036_854_775_807, nil])
        #expect(numbers[2].double == 1.2345678901234568e29)
    }

    @Test("limits on depth, values and number length hold to the unit")
    func limits() throws {
        func nested(_ depth: Int) -> String {
            String(repeating: "[", count: depth) + String(repeating: "]", count: depth)
        }
        _ = try JSONParser.parse(nested(64))
        #expect(throws: JSONError.self) { try JSONParser.parse(nested(65)) }
        #expect(throws: JSONError.self) { try JSONParser.parse(nested(10_000)) }
        #expect(throws: JSONError.self) { try JSONParser.parse(String(repeating: "[", count: 1_000_000)) }

        let limits = JSONLimits(values: 4)
        _ = try JSONParser.parse("[1,2,3]", limits: limits)
        #expect(throws: JSONError.self) { try JSONParser.parse("[1,2,3,4]", limits: limits) }

        _ = try JSONParser.parse(String(repeating: "1", count: 512))
        #expect(throws: JSONError.self) { try JSONParser.parse(String(repeating: "1", count: 513)) }
    }

    @Test("keys that differ in bytes are different keys, however alike they look")
    func keysByBytes() throws {
        let value = try JSONParser.parse("{\"\\u212a\":1,\"K\":2,\"\\u00e9\":3,\"e\\u0301\":4}")
        let object = try #require(value.object)
        #expect(object.count == 4)
        #expect(object["K"]?.int == 2)
        #expect(object["\u{212A}"]?.int == 1)
        #expect(object["e\u{301}"]?.int == 4)
    }

    @Test("an object of very many keys is read, and a repeated key among them found")
    func manyKeys() throws {
        let members = (0..<5000).map { "\"key\($0)\":\($0)" }
        let value = try JSONParser.parse("{" + members.joined(separator: ",") + "}")
        #expect(value.object?.count == 5000)
        #expect(throws: JSONError.self) {
            try JSONParser.parse("{" + (members + ["\"key77\":0"]).joined(separator: ",") + "}")
        }
    }

    @Test("what is written is read back the same", arguments: 0..<200 as Range<UInt64>)
    func roundTrip(seed: UInt64) throws {
        var random = RandomJSON(generator: SeededGenerator(seed: seed))
        for _ in 0..<20 {
            let value = random.value(depth: 6)
            let bytes = JSONWriter.bytes(value)
            #expect(bytes.allSatisfy { (0x20..<0x7F).contains($0) })
            #expect(try JSONParser.parse(bytes) == value)
            #expect(JSONWriter.bytes(try JSONParser.parse(bytes)) == bytes)
        }
    }

    @Test("no text, however damaged, is read in two ways", arguments: 0..<200 as Range<UInt64>)
    func damage(seed: UInt64) throws {
        var random = RandomJSON(generator: SeededGenerator(seed: seed &+ 10_000))
        for _ in 0..<50 {
            var bytes = JSONWriter.bytes(random.value(depth: 5))
            for _ in 0..<Int.random(in: 1...3, using: &random.generator) {
                let at = Int.random(in: 0...bytes.count, using: &random.generator)
                switch Int.random(in: 0..<3, using: &random.generator) {
                case 0: bytes.insert(UInt8.random(in: 0...255, using: &random.generator), at: at)
                case 1 where at < bytes.count: bytes.remove(at: at)
                case 2 where at < bytes.count: bytes[at] = UInt8.random(in: 0...255, using: &random.generator)
                default: bytes = Array(bytes[..<at])
                }
            }
            guard let value = try? JSONParser.parse(bytes) else { continue }
            #expect(try JSONParser.parse(JSONWriter.bytes(value)) == value)
        }
    }
}
