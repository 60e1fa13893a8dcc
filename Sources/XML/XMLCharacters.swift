// SPDX-License-Identifier: Apache-2.0

extension XMLElement {
    /// Whether XML 1.0 can express a character (clause 2.2, production Char).
    public static func canExpress(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case 0x9, 0xA, 0xD, 0x20...0xD7FF, 0xE000...0xFFFD, 0x10000...0x10FFFF: true
        default: false
        }
    }

    /// The text without the characters that XML 1.0 can't express; for names that people chose.
    public static func expressible(_ text: String) -> String {
        guard !text.unicodeScalars.allSatisfy(canExpress) else { return text }
        return String(String.UnicodeScalarView(text.unicodeScalars.filter(canExpress)))
    }
}
