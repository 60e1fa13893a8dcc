// SPDX-License-Identifier: Apache-2.0

/// A version of an RPC interface: `major.minor`.
struct RPCVersion: Sendable, Hashable, CustomStringConvertible {
    let major: Int
    let minor: Int

    init(_ major: Int, _ minor: Int) {
        self.major = major
        self.minor = minor
    }

    /// Nil for what is not two whole numbers with a point between them.
    init?(_ text: String) {
        let parts = text.utf8.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
        guard parts.count == 2, let major = Self.number(parts[0]), let minor = Self.number(parts[1]) else { return nil }
        self.init(major, minor)
    }

    private static func number(_ digits: Substring.UTF8View) -> Int? {
        guard !digits.isEmpty, digits.count <= 9, digits.allSatisfy({ (0x30...0x39).contains($0) }) else { return nil }
        return digits.reduce(0) { $0 * 10 + Int($1 - 0x30) }
    }

    /// Both eras' rule: the same major, and a minor that is not newer.
    func serves(_ wanted: RPCVersion) -> Bool { major == wanted.major && wanted.minor <= minor }

    var description: String { "\(major).\(minor)" }
}
