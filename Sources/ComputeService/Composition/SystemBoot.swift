// SPDX-License-Identifier: Apache-2.0

internal import FoundationEssentials

/// What Linux says of its present start.
enum SystemBoot {
    /// Another after each start of the machine; nil where it can't be read.
    static var id: String? {
        guard let text = try? String(contentsOfFile: "/proc/sys/kernel/random/boot_id", encoding: .utf8) else {
            return nil
        }
        let id = text.prefix { !$0.isWhitespace }
        return id.isEmpty ? nil : String(id)
    }
}
