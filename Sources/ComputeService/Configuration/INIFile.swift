// SPDX-License-Identifier: Apache-2.0

/// A file in the dialect of INI that oslo.config reads.
///
/// Sections in brackets; `key = value` or `key: value`, whichever sign comes first; comments begin at the start of a
/// line with `#` or `;`; a line that begins with a blank continues the value above it (joined by a line feed), until an
/// empty line; one pair of quotes around a value is taken off; a key may stand several times.
struct INIFile: Sendable {
    /// One assignment.
    struct Entry: Sendable, Hashable {
        var name: OptionName
        var value: String
        /// Counted from one; of a continued value, its first.
        var line: Int
    }

    let path: String
    /// In the order of the file.
    private(set) var entries: [Entry] = []
    /// Everything in the file that could not be read; the rest was.
    private(set) var faults: [ConfigurationFault] = []

    private var group: String?
    private var isOpen = false

    init(path: String, bytes: [UInt8]) {
        self.path = path
        let start = bytes.starts(with: [0xEF, 0xBB, 0xBF]) ? 3 : 0
        var number = 0
        for line in bytes[start...].split(separator: 0x0A, omittingEmptySubsequences: false) {
            number += 1
            guard let lastVisible = line.lastIndex(where: { !Spelling.isBlank($0) }) else {
                isOpen = false
                continue
            }
            read(line[...lastVisible], number: number)
        }
    }

    /// Takes one line that is not empty, without the blanks at its end.
    private mutating func read(_ line: ArraySlice<UInt8>, number: Int) {
        let first = line[line.startIndex]
        let isComment = first == UInt8(ascii: "#") || first == UInt8(ascii: ";")
        if isComment {
            isOpen = false
            return
        }
        guard let text = String(validating: line, as: UTF8.self) else {
            isOpen = false
            return fault(number, "the line is not UTF-8")
        }
        if first == 0x20 || first == 0x09 {
            guard isOpen, let last = entries.indices.last else {
                return fault(number, "the line begins with a blank, and there is no value above it to continue")
            }
            entries[last].value += "\n" + Spelling.trimmed(text)
            return
        }
        isOpen = false
        if first == UInt8(ascii: "[") {
            readSection(text, number: number)
        } else {
            readAssignment(text, number: number)
        }
    }

    private mutating func readSection(_ text: String, number: Int) {
        guard text.utf8.last == UInt8(ascii: "]") else {
            return fault(number, "the section's closing bracket is missing; write [name] alone on its line")
        }
        let name = String(Substring(text.utf8.dropFirst().dropLast()))
        guard !name.isEmpty else { return fault(number, "the section has no name") }
        group = name
    }

    private mutating func readAssignment(_ text: String, number: Int) {
        guard let sign = text.utf8.firstIndex(where: { $0 == UInt8(ascii: "=") || $0 == UInt8(ascii: ":") }) else {
            return fault(number, "there is neither '=' nor ':' in the line; write key = value")
        }
        let key = Spelling.trimmed(text[..<sign])
        guard !key.isEmpty else { return fault(number, "there is no key before the '\(text[sign])'") }
        guard let group else {
            return fault(number, "'\(key)' stands before the first section; write [DEFAULT] above it")
        }
        var value = Spelling.trimmed(text[text.utf8.index(after: sign)...])
        if let quote = value.utf8.first, quote == value.utf8.last,
            quote == UInt8(ascii: "\"") || quote == UInt8(ascii: "'")
        {
            value = String(Substring(value.utf8.dropFirst().dropLast()))
        }
        entries.append(Entry(name: OptionName(group, key), value: value, line: number))
        isOpen = true
    }

    private mutating func fault(_ line: Int, _ reason: String) {
        faults.append(ConfigurationFault(key: nil, origin: .file(path: path, line: line), reason: reason))
    }
}
