// SPDX-License-Identifier: Apache-2.0

/// Texts of other programs, made fit for a fault that users may read.
enum SafeText {
    /// The text with every word that holds a path replaced, on one line.
    static func withoutPaths(_ text: String) -> String {
        text.split(whereSeparator: \.isWhitespace).map { word in
            guard word.contains("/") else { return String(word) }
            let ending = word.last.map { ":.,;)".contains($0) ? String($0) : "" } ?? ""
            return "(path)" + ending
        }.joined(separator: " ")
    }
}
