// SPDX-License-Identifier: Apache-2.0

import ComputeModel

/// Random documents, with the characters and numbers that readers stumble over.
struct RandomJSON {
    var generator: SeededGenerator

    private static let scalars: [Unicode.Scalar] = [
        "a", "z", "\"", "\\", "/", "\u{0}", "\u{1F}", "\u{7F}", "\n", "\t", "\u{80}", "é", "\u{301}", "e", "K",
        "\u{212A}",
        "\u{7FF}", "\u{800}", "\u{D7FF}", "\u{E000}", "\u{FFFD}", "\u{FFFF}", "\u{10000}", "😀", "\u{10FFFF}", "日",
    ]
    private static let numbers = [
        "0", "-0", "1", "-1", "1.0", "1e5", "1E+5", "-2.50e-3", "123456789012345678901234567890", "0.1", "4294967296",
    ]

    mutating func value(depth: Int) -> JSONValue {
        switch Int.random(in: 0..<(depth > 0 ? 8 : 6), using: &generator) {
        case 0: .null
        case 1: .bool(Bool.random(using: &generator))
        case 2, 3: number()
        case 4, 5: .string(text())
        case 6: .array((0..<Int.random(in: 0..<5, using: &generator)).map { _ in value(depth: depth - 1) })
        default: .object(object(depth: depth - 1))
        }
    }

    mutating func object(depth: Int) -> JSONObject {
        var object = JSONObject()
        for _ in 0..<Int.random(in: 0..<6, using: &generator) { object[text()] = value(depth: depth) }
        return object
    }

    private mutating func number() -> JSONValue {
        let spelling = Self.numbers.randomElement(using: &generator) ?? "0"
        return (try? JSONParser.parse(spelling)) ?? .null
    }

    mutating func text() -> String {
        var text = String.UnicodeScalarView()
        for _ in 0..<Int.random(in: 0..<20, using: &generator) {
            text.append(Self.scalars.randomElement(using: &generator) ?? "x")
        }
        return String(text)
    }
}
