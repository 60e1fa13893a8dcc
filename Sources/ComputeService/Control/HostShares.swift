// SPDX-License-Identifier: Apache-2.0

internal import ComputeModel
internal import WorkerStore

/// What a host has, and what of it instances have claimed.
struct HostShares: Sendable, Hashable {
    /// Nil before the hypervisor has told it.
    var total: ClaimAmounts?
    var claimed = ClaimAmounts.none

    var json: JSONValue {
        var shares: JSONObject = ["claimed": Self.json(claimed)]
        if let total {
            shares["total"] = Self.json(total)
            shares["free"] = Self.json(total - claimed)
        }
        return .object(shares)
    }

    init(total: ClaimAmounts? = nil, claimed: ClaimAmounts = .none) {
        self.total = total
        self.claimed = claimed
    }

    init(json: JSONValue) {
        total = json["total"].map { Self.amounts($0) }
        claimed = json["claimed"].map { Self.amounts($0) } ?? .none
    }

    /// For people.
    var lines: [String] {
        func line(_ name: String, _ unit: String, _ value: (ClaimAmounts) -> Int) -> String {
            guard let total else { return "\(name): \(value(claimed))\(unit) claimed" }
            let free = value(total) - value(claimed)
            return "\(name): \(value(claimed)) of \(value(total))\(unit) claimed, "
                + (free < 0 ? "\(-free)\(unit) more than there is" : "\(free)\(unit) free")
        }
        return [line("vcpus", "", \.vcpus), line("memory", " MiB", \.memoryMiB), line("disk", " GiB", \.diskGiB)]
    }

    private static func json(_ amounts: ClaimAmounts) -> JSONValue {
        [
            "vcpus": JSONValue(amounts.vcpus), "memory_mb": JSONValue(amounts.memoryMiB),
            "disk_gb": JSONValue(amounts.diskGiB),
        ]
    }

    private static func amounts(_ json: JSONValue) -> ClaimAmounts {
        ClaimAmounts(
            vcpus: json["vcpus"]?.int ?? 0, memoryMiB: json["memory_mb"]?.int ?? 0,
            diskGiB: json["disk_gb"]?.int ?? 0)
    }
}
