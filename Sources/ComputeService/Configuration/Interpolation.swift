// SPDX-License-Identifier: Apache-2.0

/// Puts the values of other options in the place of `$key`, `${key}` and `${group.key}`, as oslo.config does.
///
/// `$$` and `\$` stand for a dollar sign; a dollar sign that no name follows stands for itself. A key without a group
/// is looked for in the group of the option that names it, then in DEFAULT.
struct Interpolation {
    /// Why a value cannot be put together.
    enum Failure: Error, Hashable {
        /// The name in it that nothing is known of; nil where the name is part of a secret.
        case unknown(String?)
        /// The chain of names that leads back to its own beginning.
        case cycle([OptionName])
    }

    /// What a text became.
    struct Outcome {
        var text: String
        /// Whether a secret option's value is part of it.
        var holdsSecret: Bool
    }

    /// The raw value of an option, and whether it is secret; nil if there is no such option.
    let lookup: (OptionName) -> (name: OptionName, raw: String, isSecret: Bool)?

    /// Replaces every reference in `text`, which is the value of `owner`.
    func apply(_ text: String, owner: OptionName) throws(Failure) -> Outcome {
        try apply(text, owner: owner, chain: [owner])
    }

    private func apply(_ text: String, owner: OptionName, chain: [OptionName]) throws(Failure) -> Outcome {
        guard text.utf8.contains(UInt8(ascii: "$")) else { return Outcome(text: text, holdsSecret: false) }
        let bytes = Array(text.utf8)
        var output: [UInt8] = []
        var holdsSecret = false
        var index = 0
        while index < bytes.count {
            let byte = bytes[index]
            let next = index + 1 < bytes.count ? bytes[index + 1] : 0
            if byte == UInt8(ascii: "$") || byte == UInt8(ascii: "\\"), next == UInt8(ascii: "$") {
                output.append(next)
                index += 2
            } else if byte == UInt8(ascii: "$"), let reference = Self.reference(in: bytes, after: index + 1) {
                let value = try resolve(reference.name, owner: owner, chain: chain)
                output += Array(value.text.utf8)
                holdsSecret = holdsSecret || value.holdsSecret
                index = reference.end
            } else {
                output.append(byte)
                index += 1
            }
        }
        return Outcome(text: String(decoding: output, as: UTF8.self), holdsSecret: holdsSecret)
    }

    private func resolve(_ reference: String, owner: OptionName, chain: [OptionName]) throws(Failure) -> Outcome {
        guard let found = Self.names(for: reference, owner: owner).lazy.compactMap(lookup).first else {
            throw .unknown(reference)
        }
        if let start = chain.firstIndex(of: found.name) { throw .cycle(chain[start...] + [found.name]) }
        var outcome: Outcome
        do throws(Failure) {
            outcome = try apply(found.raw, owner: found.name, chain: chain + [found.name])
        } catch {
            if case .unknown = error, found.isSecret { throw .unknown(nil) }
            throw error
        }
        outcome.holdsSecret = outcome.holdsSecret || found.isSecret
        return outcome
    }

    private static func names(for reference: String, owner: OptionName) -> [OptionName] {
        guard let dot = reference.firstIndex(of: ".") else {
            return [OptionName(owner.group, reference), OptionName(OptionName.defaultGroup, reference)]
        }
        return [OptionName(String(reference[..<dot]), String(reference[reference.index(after: dot)...]))]
    }

    /// The name that begins at `start` (in braces or not), and where the text goes on after it.
    private static func reference(in bytes: [UInt8], after start: Int) -> (name: String, end: Int)? {
        var begin = start
        let isBraced = start < bytes.count && bytes[start] == UInt8(ascii: "{")
        if isBraced { begin += 1 }
        guard begin < bytes.count, isLetter(bytes[begin]) else { return nil }
        var end = begin
        while end < bytes.count, isLetter(bytes[end]) || isDigitOrDot(bytes[end]) { end += 1 }
        if isBraced {
            guard end < bytes.count, bytes[end] == UInt8(ascii: "}") else { return nil }
            return (String(decoding: bytes[begin..<end], as: UTF8.self), end + 1)
        }
        while bytes[end - 1] == UInt8(ascii: ".") { end -= 1 }
        return (String(decoding: bytes[begin..<end], as: UTF8.self), end)
    }

    private static func isLetter(_ byte: UInt8) -> Bool {
        byte == UInt8(ascii: "_") || (0x61...0x7A).contains(byte | 0x20)
    }

    private static func isDigitOrDot(_ byte: UInt8) -> Bool {
        byte == UInt8(ascii: ".") || (0x30...0x39).contains(byte)
    }
}
