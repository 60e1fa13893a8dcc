// SPDX-License-Identifier: Apache-2.0

/// Help with names that were not found.
enum Spelling {
    /// The candidate that `word` is most probably a misspelling of: at most two edits away, and fewer than half of it.
    static func nearest(to word: String, among candidates: [String]) -> String? {
        let limit = min(2, max(1, word.utf8.count / 3))
        var best: (candidate: String, distance: Int)?
        for candidate in candidates {
            let distance = distance(from: word, to: candidate, limit: limit)
            if distance <= limit, distance < best?.distance ?? .max { best = (candidate, distance) }
        }
        return best?.candidate
    }

    /// The edits (insert, remove, replace, swap of neighbours; case and `-` for `_` are free), or more than `limit`.
    static func distance(from left: String, to right: String, limit: Int) -> Int {
        let a = folded(left)
        let b = folded(right)
        guard abs(a.count - b.count) <= limit else { return limit + 1 }
        var beforeLast = [Int](repeating: 0, count: b.count + 1)
        var last = Array(0...b.count)
        for i in a.indices {
            var row = [i + 1] + [Int](repeating: 0, count: b.count)
            for j in b.indices {
                row[j + 1] = min(last[j + 1] + 1, row[j] + 1, last[j] + (a[i] == b[j] ? 0 : 1))
                if i > 0, j > 0, a[i] == b[j - 1], a[i - 1] == b[j] {
                    row[j + 1] = min(row[j + 1], beforeLast[j - 1] + 1)
                }
            }
            (beforeLast, last) = (last, row)
        }
        return last[b.count]
    }

    /// The text without blanks at its ends.
    static func trimmed(_ text: some StringProtocol) -> String {
        let utf8 = Array(text.utf8)
        guard let first = utf8.firstIndex(where: { !isBlank($0) }), let last = utf8.lastIndex(where: { !isBlank($0) })
        else { return "" }
        return String(decoding: utf8[first...last], as: UTF8.self)
    }

    static func isBlank(_ byte: UInt8) -> Bool { byte == 0x20 || (0x09...0x0D).contains(byte) }

    private static func folded(_ text: String) -> [UInt8] {
        text.utf8.map { $0 == UInt8(ascii: "-") ? UInt8(ascii: "_") : (0x41...0x5A).contains($0) ? $0 | 0x20 : $0 }
    }
}
