// SPDX-License-Identifier: Apache-2.0

/// A JSON number in the sender's own spelling (`1.0` stays `1.0`, 30 digits stay 30 digits).
public struct JSONNumber: Sendable, Hashable {
    /// The number as written, valid by JSON's grammar.
    public let spelling: String

    init(validSpelling: String) { spelling = validSpelling }

    /// A whole number in decimal digits.
    public init(_ value: some BinaryInteger) { spelling = String(value) }

    /// A finite double in its shortest round-trip spelling; nil for a value that JSON can't write (NaN, infinity).
    public init?(_ value: Double) {
        guard value.isFinite else { return nil }
        spelling = String(value)
    }

    /// The value as a whole number; nil for a fraction or a value outside 64 bits. `2.0` and `2e0` are whole.
    public var int: Int? {
        if let value = Int(spelling) { return value }
        return Double(spelling).flatMap { Int(exactly: $0) }
    }

    /// The nearest double; nil where the magnitude is beyond a double.
    public var double: Double? {
        guard let value = Double(spelling), value.isFinite else { return nil }
        return value
    }
}
