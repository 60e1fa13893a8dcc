// SPDX-License-Identifier: Apache-2.0

/// What happened in one run, step by step: a fingerprint of all of it, and the text where somebody wants to read it.
struct History {
    private(set) var lines: [String] = []
    private(set) var steps = 0
    private var hash: UInt64 = 0xCBF2_9CE4_8422_2325
    /// Whether the lines are kept.
    let isKept: Bool

    init(isKept: Bool) { self.isKept = isKept }

    /// Sixteen hexadecimal digits that differ where a single step differs (FNV-1a).
    var fingerprint: String {
        let digits = String(hash, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }

    /// A number that the next step depended on.
    mutating func mix(_ value: Int) {
        var rest = UInt64(bitPattern: Int64(value))
        for _ in 0..<8 {
            hash = (hash ^ rest & 0xFF) &* 0x100_0000_01B3
            rest >>= 8
        }
    }

    /// A step.
    mutating func add(_ text: @autoclosure () -> String, at time: @autoclosure () -> Duration) {
        steps += 1
        let text = text()
        for byte in text.utf8 { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3 }
        if isKept {
            let milliseconds = time() / .milliseconds(1)
            lines.append("\(steps)\t\(milliseconds.rounded() / 1000) s\t\(text)")
        }
    }
}
