// SPDX-License-Identifier: Apache-2.0

/// The version of an interface that a server offers, and nova's rule for which requests it serves.
public struct RPCVersion: Sendable, Hashable, CustomStringConvertible {
    public let major: Int
    public let minor: Int

    public init(_ major: Int, _ minor: Int) {
        self.major = major
        self.minor = minor
    }

    /// What the rule says of a request.
    public enum Verdict: Sendable, Hashable {
        /// Majors are equal and the request's minor is not above the server's.
        case compatible
        case incompatible
        /// A part is no number: Python's `ValueError`.
        case notANumber(part: String)
        /// A major that would fit stands without a minor: Python's `IndexError`.
        case noMinor
    }

    /// Judges a request's version as `nova.openstack.common.rpc.dispatcher` and oslo.messaging do, in their order: a
    /// major that differs decides before the minor is looked at.
    public func verdict(on requested: String) -> Verdict {
        let parts = requested.split(separator: ".", omittingEmptySubsequences: false)
        guard let requestedMajor = Self.number(parts[0]) else { return .notANumber(part: String(parts[0])) }
        guard requestedMajor == major else { return .incompatible }
        guard parts.count > 1 else { return .noMinor }
        guard let requestedMinor = Self.number(parts[1]) else { return .notANumber(part: String(parts[1])) }
        return requestedMinor <= minor ? .compatible : .incompatible
    }

    /// Whether a request of that version may use what came with this one: majors are equal and its minor is not below.
    public func isIncluded(in requested: String) -> Bool {
        let parts = requested.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count > 1, Self.number(parts[0]) == major, let requestedMinor = Self.number(parts[1]) else {
            return false
        }
        return requestedMinor >= minor
    }

    /// The fault for a version that can't be served; nil for one that can.
    ///
    /// A version that can't be read is of the same kind; who encodes the fault tells them apart by `version` and
    /// `supported` among its arguments.
    public func fault(for requested: String, method: String) -> ComputeFault? {
        guard verdict(on: requested) != .compatible else { return nil }
        return ComputeFault(
            .unsupportedVersion, "Specified RPC version, \(requested), not supported by this endpoint.",
            arguments: [
                "version": .string(requested), "method": .string(method), "supported": .string(description),
            ])
    }

    public var description: String { "\(major).\(minor)" }

    private static func number(_ text: Substring) -> Int? {
        guard !text.isEmpty, text.utf8.count <= 9, text.utf8.allSatisfy({ $0 >= 0x30 && $0 <= 0x39 }) else {
            return nil
        }
        return Int(text)
    }
}
