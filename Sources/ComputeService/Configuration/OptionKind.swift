// SPDX-License-Identifier: Apache-2.0

internal import ComputeManager
internal import Configuration

/// What values an option takes.
public enum OptionKind: Sendable, Hashable {
    /// Any text.
    case text
    /// Text without blanks and control characters, and not empty.
    case word
    /// An absolute path of a file or directory.
    case path
    /// A host name as it stands in a queue's name: no blanks, no control characters, at most 200 bytes.
    case hostName
    /// A URL; what stands before its `@` is never shown.
    case url
    case integer(ClosedRange<Int>)
    case number(ClosedRange<Double>)
    case boolean
    /// One of some words; `refused` are others that nova knows, each with the sentence that says they are not served.
    case choice([String], refused: [String: String] = [:])
    /// Several values, separated by commas; with `of`, each one of those words.
    case list(of: [String] = [])
    /// An option that may stand several times; each value is one of the words, or of their older spellings.
    case repeated([String], spellings: [String: String] = [:])
    /// `operation:seconds` pairs, separated by commas.
    case ageLimits
    /// `hour`, `day`, `month` or `year`, optionally with `@` and an offset.
    case auditPeriod

    /// Whether every occurrence counts, rather than the last.
    public var isRepeated: Bool { if case .repeated = self { true } else { false } }

    /// What is allowed, as a phrase that follows "allowed: ".
    public var allowed: String {
        switch self {
        case .text: "any text"
        case .word: "text without blanks"
        case .path: "an absolute path"
        case .hostName: "a host name without blanks, of at most 200 bytes"
        case .url: "a URL"
        case .integer(let range):
            range.upperBound == .max
                ? "an integer of at least \(range.lowerBound)"
                : "an integer from \(range.lowerBound) to \(range.upperBound)"
        case .number(let range):
            range.upperBound == .infinity
                ? "a number of at least \(range.lowerBound)"
                : "a number from \(range.lowerBound) to \(range.upperBound)"
        case .boolean: "true, false (also yes, no, on, off, 1, 0)"
        case .choice(let words, _): words.joined(separator: ", ")
        case .list(let words) where words.isEmpty: "values separated by commas"
        case .list(let words): "some of \(words.joined(separator: ", ")), separated by commas"
        case .repeated(let words, _): words.joined(separator: ", ") + " (one a line; the line may stand several times)"
        case .ageLimits:
            "operation:seconds, separated by commas, of \(AgeLimits.names.joined(separator: ", "))"
        case .auditPeriod: "hour, day, month or year, optionally with an offset: month@15"
        }
    }
}

extension OptionKind {
    /// Why a value is not allowed.
    struct Refusal: Error {
        /// The value at fault, where it is one of several.
        var value: String
        /// A sentence in place of "is not allowed; allowed: …".
        var sentence: String?
        /// A word that may have been meant.
        var suggestion: String?
    }

    /// The typed value; `values` are all occurrences, of which a kind that is not repeated takes the last.
    func parse(_ values: [String]) throws(Refusal) -> ConfigContent {
        let value = values.last ?? ""
        switch self {
        case .text, .url:
            return .string(value)
        case .word:
            guard !value.isEmpty, value.utf8.allSatisfy({ $0 > 0x20 && $0 != 0x7F }) else {
                throw Refusal(value: value)
            }
            return .string(value)
        case .path:
            guard value.hasPrefix("/") else { throw Refusal(value: value) }
            return .string(value)
        case .hostName:
            let clean = value.unicodeScalars.allSatisfy {
                $0.value > 0x20 && $0.value != 0x7F && $0 != "#" && $0 != "*"
            }
            guard clean, !value.isEmpty, value.utf8.count <= 200 else { throw Refusal(value: value) }
            return .string(value)
        case .integer(let range):
            guard let number = Int(value), range.contains(number) else { throw Refusal(value: value) }
            return .int(number)
        case .number(let range):
            guard let number = Double(value), range.contains(number) else { throw Refusal(value: value) }
            return .double(number)
        case .boolean:
            switch value.lowercased() {
            case "true", "yes", "on", "1": return .bool(true)
            case "false", "no", "off", "0": return .bool(false)
            default: throw Refusal(value: value)
            }
        case .choice(let words, let refused):
            return .string(try Self.word(value, of: words, refused: refused))
        case .list(let words):
            let elements = Self.elements(of: value)
            guard !words.isEmpty else { return .stringArray(elements) }
            var result: [String] = []
            for element in elements { result.append(try Self.word(element, of: words)) }
            return .stringArray(result)
        case .repeated(let words, let spellings):
            var result: [String] = []
            for element in values where !element.isEmpty {
                result.append(try Self.word(spellings[element] ?? element, of: words))
            }
            return .stringArray(result)
        case .ageLimits:
            let pairs = Self.elements(of: value)
            if let wrong = pairs.first(where: { AgeLimits([$0]) == nil }) { throw Refusal(value: wrong) }
            return .stringArray(pairs)
        case .auditPeriod:
            guard UsageAuditPeriod(value) != nil else { throw Refusal(value: value) }
            return .string(value)
        }
    }

    private static func word(
        _ value: String, of words: [String], refused: [String: String] = [:]
    ) throws(Refusal) -> String {
        if let word = words.first(where: { $0 == value || $0.lowercased() == value.lowercased() }) { return word }
        throw Refusal(
            value: value, sentence: refused[value.lowercased()], suggestion: Spelling.nearest(to: value, among: words))
    }

    /// The elements of a comma-separated list, without the blanks around them; empty ones do not count.
    static func elements(of text: String) -> [String] {
        text.split(whereSeparator: { $0 == "," || $0 == "\n" }).map { Spelling.trimmed($0) }.filter { !$0.isEmpty }
    }
}
