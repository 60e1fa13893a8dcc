// SPDX-License-Identifier: Apache-2.0

internal import ComputeModel

/// All claims of the host and their sum, kept by the writer so that a build adds nothing up.
struct ClaimBook {
    struct Line: Hashable {
        let row: Int64
        let amounts: ClaimAmounts
    }

    private(set) var lines: [StoredClaim.Key: Line] = [:]
    private(set) var total = ClaimAmounts.none

    /// Writes or strikes a claim; what was there before.
    @discardableResult
    mutating func set(_ line: Line?, of key: StoredClaim.Key) -> Line? {
        let before = lines[key]
        if let before { total = total - before.amounts }
        if let line { total = total + line.amounts }
        lines[key] = line
        return before
    }

    mutating func load(_ claim: StoredClaim, row: Int64) { set(Line(row: row, amounts: claim.amounts), of: claim.key) }

    /// Why `amounts` are not to be had beside the claims of others; nil where they are.
    func shortage(of amounts: ClaimAmounts, for key: StoredClaim.Key, _ limits: ClaimLimits) -> ComputeFault? {
        let others = total - (lines[key]?.amounts ?? .none)
        let short = [
            Self.shortage("vcpus", "", amounts.vcpus, others.vcpus, limits.vcpus)
                .map { limits.sent.contains(.vcpus) ? "\($0), \(Self.sent)" : $0 },
            Self.shortage("memory", " MiB", amounts.memoryMiB, others.memoryMiB, limits.memoryMiB)
                .map { limits.sent.contains(.memory) ? "\($0), \(Self.sent)\(Self.less)" : $0 },
            Self.shortage("disk", " GiB", amounts.diskGiB, others.diskGiB, limits.diskGiB)
                .map { limits.sent.contains(.disk) ? "\($0), \(Self.sent)\(Self.less)" : $0 },
        ].compactMap { $0 }
        guard !short.isEmpty else { return nil }
        let words = "Insufficient compute resources: \(short.joined(separator: "; "))."
        return ComputeFault(
            .computeResourcesUnavailable, words, instance: key.instance, arguments: ["reason": .string(words)])
    }

    private static let sent = "the limit that the scheduler sent with the request"
    private static let less = ", less what is reserved for the host"

    private static func shortage(_ name: String, _ unit: String, _ asked: Int, _ taken: Int, _ limit: Int?) -> String? {
        guard let limit, asked > limit - taken else { return nil }
        return "\(name): \(asked)\(unit) asked, \(max(0, limit - taken))\(unit) free of \(limit)\(unit)"
    }
}
