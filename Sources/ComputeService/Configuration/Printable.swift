// SPDX-License-Identifier: Apache-2.0

/// Text that may have come from anywhere, made fit for one line of a terminal.
enum Printable {
    /// Control characters become `\n`, `\t` or `\xNN`.
    static func text(_ text: String) -> String {
        guard text.utf8.contains(where: { $0 < 0x20 || $0 == 0x7F }) else { return text }
        var output = ""
        for scalar in text.unicodeScalars {
            switch scalar.value {
            case 0x0A: output += "\\n"
            case 0x09: output += "\\t"
            case 0..<0x20, 0x7F:
                output += "\\x" + (scalar.value < 16 ? "0" : "") + String(scalar.value, radix: 16)
            default: output.unicodeScalars.append(scalar)
            }
        }
        return output
    }
}
