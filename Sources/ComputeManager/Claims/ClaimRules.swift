// SPDX-License-Identifier: Apache-2.0

internal import ComputeModel
internal import WorkerStore

/// What an operator decides about claims.
///
/// What the scheduler sends in `limits` is the most that all claims may come to. Where it sends none for a dimension,
/// as schedulers without that filter do, there is no limit as in nova, unless the operator has set a ratio here.
public struct ClaimRules: Sendable, Hashable {
    /// How often what the host has may be promised, where the scheduler sets no limit; 0 leaves it unlimited.
    public var cpuRatio: Double
    public var memoryRatio: Double
    public var diskRatio: Double
    /// What of every limit is kept for the host itself.
    public var reservedMemoryMiB: Int
    public var reservedDiskMiB: Int

    public init(
        cpuRatio: Double = 0, memoryRatio: Double = 0, diskRatio: Double = 0, reservedMemoryMiB: Int = 512,
        reservedDiskMiB: Int = 0
    ) {
        self.cpuRatio = cpuRatio
        self.memoryRatio = memoryRatio
        self.diskRatio = diskRatio
        self.reservedMemoryMiB = reservedMemoryMiB
        self.reservedDiskMiB = reservedDiskMiB
    }

    /// The limits of a request.
    ///
    /// - Parameters:
    ///   - filterProperties: as the scheduler sends them, with its `limits`.
    ///   - total: what the host has; nil before the hypervisor has told it.
    func limits(_ filterProperties: JSONObject?, total: ClaimAmounts?) -> ClaimLimits {
        let sent = filterProperties?["limits"]?.object
        var dimensions: ClaimLimits.Dimensions = []
        func limit(
            _ key: String, _ dimension: ClaimLimits.Dimensions, _ ratio: Double, _ total: Int?, _ reserved: Int
        ) -> Int? {
            if case .number(let number)? = sent?[key], let sent = number.double {
                dimensions.insert(dimension)
                return Self.whole(sent) - reserved
            }
            guard ratio > 0, let total else { return nil }
            return Self.whole(Double(total) * ratio) - reserved
        }
        let vcpus = limit("vcpu", .vcpus, cpuRatio, total?.vcpus, 0)
        let memory = limit("memory_mb", .memory, memoryRatio, total?.memoryMiB, reservedMemoryMiB)
        let disk = limit("disk_gb", .disk, diskRatio, total?.diskGiB, (reservedDiskMiB + 1023) / 1024)
        return ClaimLimits(vcpus: vcpus, memoryMiB: memory, diskGiB: disk, sent: dimensions)
    }

    /// Rounded down, and within what sums of it can be made of.
    private static func whole(_ value: Double) -> Int { Int(min(max(value, -1e15), 1e15).rounded(.down)) }
}
