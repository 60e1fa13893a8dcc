// SPDX-License-Identifier: Apache-2.0

/// Which names a caller may ask us to publish a reply to.
///
/// A reply name is the caller's choice, so only the forms that nova and oslo.messaging make are ever published to:
/// anything else could name somebody else's queue.
enum ReplyName {
    /// Longest name that AMQP carries, in bytes.
    private static let longest = 255

    /// Whether `text` is a message id: 32 hexadecimal digits.
    static func isMessageID(_ text: some StringProtocol) -> Bool {
        text.utf8.count == 32 && text.utf8.allSatisfy { hexadecimalDigit($0) != nil }
    }

    /// Whether `text` is a reply queue: `reply_` with 32 hexadecimal digits, or oslo.messaging's queue manager's form
    /// `reply_<host>:<process>:<number>`.
    static func isReplyQueue(_ text: String) -> Bool {
        guard text.utf8.count <= longest, text.hasPrefix("reply_") else { return false }
        let name = text.dropFirst("reply_".count)
        if isMessageID(name) { return true }
        let parts = name.split(separator: ":", omittingEmptySubsequences: false)
        guard parts.count == 3, !parts[2].isEmpty, parts[2].utf8.count <= 20 else { return false }
        return isName(parts[0]) && isName(parts[1]) && parts[2].utf8.allSatisfy { $0 >= 0x30 && $0 <= 0x39 }
    }

    private static func isName(_ text: Substring) -> Bool {
        !text.isEmpty
            && text.utf8.allSatisfy { byte in
                switch byte {
                case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, UInt8(ascii: "."), UInt8(ascii: "-"), UInt8(ascii: "_"):
                    true
                default: false
                }
            }
    }
}
