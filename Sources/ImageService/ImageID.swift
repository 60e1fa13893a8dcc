// SPDX-License-Identifier: Apache-2.0

/// The id of an image, fit to be the name of a file: letters, digits, `-`, `_` and `.`, not beginning with a dot.
struct ImageID: Hashable, Sendable, CustomStringConvertible {
    let description: String

    /// Nil for what could name a file outside the image directory, or a hidden one.
    init?(_ text: String) {
        let bytes = text.utf8
        guard !bytes.isEmpty, bytes.count <= 128, bytes.first != UInt8(ascii: ".") else { return nil }
        let isSafe = bytes.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"), UInt8(ascii: "."):
                true
            default: false
            }
        }
        guard isSafe, !text.hasSuffix(".json") else { return nil }
        description = text
    }
}
