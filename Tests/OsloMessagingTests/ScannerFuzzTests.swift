// SPDX-License-Identifier: Apache-2.0

import ComputeModel
import OsloMessaging
import Testing

@Suite("The scanner and the parser never disagree")
struct ScannerFuzzTests {
    private static let snippets = [
        "{", "}", "[", "]", ",", ":", "\"", "\\", "null", "true", "-1.5e3", "01", " ", "\\u0041", "\\ud83d\\ude00",
        "\\ud800",
        "\"method\":\"x\"", "\"_msg_id\":\"dc696ddd207a4124aceb43b534cff51a\"", "\"args\":{}", "\"uuid\":1",
        "\"version\":null",
        "\\\"", "\u{0}", "é", "\u{FFFF}", "\"_timeout\":7", "\"instance\":{}",
    ]

    private static func damage(_ bytes: inout [UInt8], _ generator: inout SeededGenerator) {
        for _ in 0..<Int.random(in: 1...4, using: &generator) {
            let at = Int.random(in: 0...bytes.count, using: &generator)
            switch Int.random(in: 0..<6, using: &generator) {
            case 0: bytes.insert(UInt8.random(in: 0...255, using: &generator), at: at)
            case 1 where at < bytes.count: bytes[at] = UInt8.random(in: 0...255, using: &generator)
            case 2 where at < bytes.count: bytes.remove(at: at)
            case 3: bytes.insert(contentsOf: Array((snippets.randomElement(using: &generator) ?? "").utf8), at: at)
            case 4 where at < bytes.count:
                let end = min(bytes.count, at + Int.random(in: 1...40, using: &generator))
                bytes.insert(contentsOf: bytes[at..<end], at: Int.random(in: 0...bytes.count, using: &generator))
            case 5 where Bool.random(using: &generator): bytes = Array(bytes[..<at])
            default: break
            }
        }
    }

    /// Small messages whose every byte matters.
    private static let small = [
        """
        {"method": "reboot_instance", "version": "2.0", "args": {"instance": {"uuid": \
        "f53be0a8-2c05-413b-b16b-7b044ffa6469", "x": [1, {"y": null}]}, "reboot_type": "SOFT"}, \
        "_msg_id": "dc696ddd207a4124aceb43b534cff51a"}
        """,
        #"""
        {"oslo.version": "2.0", "oslo.message": "{\"method\": \"m\", \"_unique_id\": \"\\u00e9\", \"_timeout\": 2, \#
        \"args\": {\"instance_uuid\": \"f53be0a8-2c05-413b-b16b-7b044ffa6469\"}}"}
        """#,
        "[1.5e3, \"é😀\\ud83d\\ude00\", {\"a\": {}}]",
    ]

    @Test("however a message is damaged", arguments: 0..<64 as Range<UInt64>)
    func damaged(seed: UInt64) throws {
        var generator = SeededGenerator(seed: seed)
        let recorded = try Golden.messages().map(\.body).filter { $0.count < 3000 } + Self.small.map { Array($0.utf8) }
        var accepted = 0
        for round in 0..<300 {
            let source =
                round % 2 == 0 ? Array(Self.small[round / 2 % 3].utf8) : recorded.randomElement(using: &generator)
            var bytes = try #require(source)
            Self.damage(&bytes, &generator)
            if try agree(bytes, "seed \(seed), round \(round)") { accepted += 1 }
        }
        #expect(accepted > 0)
    }

    @Test("at whatever byte a message is cut")
    func cut() throws {
        for text in Self.small {
            let bytes = Array(text.utf8)
            for end in 0...bytes.count { _ = try agree(Array(bytes[..<end]), "cut at \(end)") }
        }
    }

    @Test("whatever byte stands in whatever place of a string or between values")
    func everyByte() throws {
        for template in ["{\"method\":\"abcdefg?hijklmnop\"}", "{\"method\"?:\"a\"}", "{\"me?hod\":\"abcdefgh\"}"] {
            for offset in 0..<9 {
                let padded = String(repeating: " ", count: offset) + template
                for byte in UInt8.min...UInt8.max {
                    let bytes = Array(padded.utf8).map { $0 == UInt8(ascii: "?") ? byte : $0 }
                    _ = try agree(bytes, "byte \(byte) at offset \(offset)")
                }
            }
        }
    }

    @Test("whatever sequence of bytes outside of ASCII stands in a string")
    func sequences() throws {
        let edges: [UInt8] = [0x22, 0x41, 0x7F, 0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF, 0xC0]
        for lead in UInt8(0x80)...0xFF {
            for second in edges {
                for rest in [[], [0x80], [0x80, 0x80], [0xBF, 0xBF], [0x80, 0x41], [0xC0], [0x80, 0x80, 0x80]]
                    as [[UInt8]]
                {
                    let bytes = [lead, second] + rest
                    for template in ["{\"method\":\"?\"}", "{\"?\":1,\"method\":\"m\"}"] {
                        let parts = template.split(separator: "?").map { Array($0.utf8) }
                        _ = try agree(parts[0] + bytes + parts[1], "sequence \(bytes)")
                    }
                    let envelope = "{\"oslo.version\":\"2.0\",\"oslo.message\":\"{\\\"method\\\":\\\"?\\\"}\"}"
                    let parts = envelope.split(separator: "?").map { Array($0.utf8) }
                    _ = try agree(parts[0] + bytes + parts[1], "sequence \(bytes) in an envelope")
                }
            }
        }
    }

    @Test("whatever halves of surrogates stand beside each other")
    func surrogates() throws {
        let halves = ["d7ff", "D800", "dbff", "dc00", "DFFF", "e000", "0041", "d8", "zzzz"]
        for first in halves {
            for second in halves + ["", "x", "\\\\n"] {
                for mark in ["\\u", "\\", ""] {
                    let text = "{\"method\":\"\\u\(first)\(mark)\(second)\"}"
                    _ = try agree(Array(text.utf8), text)
                    let envelope = "{\"oslo.version\":\"2.0\",\"oslo.message\":\(JSONWriter.text(.string(text)))}"
                    _ = try agree(Array(envelope.utf8), envelope)
                    let escape = "\\u\(first)\(mark)\(second)"
                    let outer = #"{"oslo.version":"2.0","oslo.message":"{\"method\":\"\#(escape)\"}"}"#
                    _ = try agree(Array(outer.utf8), outer)
                }
            }
        }
    }

    /// Whether both read the message; an issue if one does and the other does not, or if they read different things.
    private func agree(_ bytes: [UInt8], _ comment: String) throws -> Bool {
        let scanned = MessageScanner().scan(bytes)
        let decoded = Result { () throws(MalformedMessage) in try MessageDecoder().decode(bytes) }
        switch (scanned, decoded) {
        case (.success(let summary), .success(let request)):
            #expect(summary == MessageSummary(of: request), "\(comment)")
            return true
        case (_, .failure(let fault)) where fault.detail.contains("the same key twice"):
            // Duplicates among keys that are not read are the decoder's to find.
            return false
        case (.failure(let one), .failure(let other)):
            #expect(one.reason == other.reason, "\(comment): \(one) | \(other)")
            #expect(one.reply == other.reply, "\(comment)")
            #expect(one.form == other.form, "\(comment)")
        case (.success, .failure(let fault)):
            Issue.record("\(comment): only the scanner reads \(String(decoding: bytes, as: UTF8.self)): \(fault)")
        case (.failure(let fault), .success):
            Issue.record("\(comment): only the decoder reads \(String(decoding: bytes, as: UTF8.self)): \(fault)")
        }
        return false
    }
}
