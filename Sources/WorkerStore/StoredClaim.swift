// SPDX-License-Identifier: Apache-2.0

public import ComputeModel

/// What an instance takes of its host.
public struct ClaimAmounts: Sendable, Hashable {
    public var vcpus: Int
    public var memoryMiB: Int
    public var diskGiB: Int

    public static let none = ClaimAmounts(vcpus: 0, memoryMiB: 0, diskGiB: 0)

    public init(vcpus: Int, memoryMiB: Int, diskGiB: Int) {
        self.vcpus = vcpus
        self.memoryMiB = memoryMiB
        self.diskGiB = diskGiB
    }

    /// What the flavor of an instance takes: nova counts root and ephemeral disk, and no swap.
    public init(of instance: Instance) {
        self.init(
            vcpus: instance.vcpus, memoryMiB: instance.memoryMiB, diskGiB: instance.rootGiB + instance.ephemeralGiB)
    }

    public static func + (left: ClaimAmounts, right: ClaimAmounts) -> ClaimAmounts {
        ClaimAmounts(
            vcpus: left.vcpus + right.vcpus, memoryMiB: left.memoryMiB + right.memoryMiB,
            diskGiB: left.diskGiB + right.diskGiB)
    }

    public static func - (left: ClaimAmounts, right: ClaimAmounts) -> ClaimAmounts {
        ClaimAmounts(
            vcpus: left.vcpus - right.vcpus, memoryMiB: left.memoryMiB - right.memoryMiB,
            diskGiB: left.diskGiB - right.diskGiB)
    }
}

/// What an instance claims a part of the host for; it has one claim of each at most.
public enum ClaimPurpose: String, Sendable, Hashable, CaseIterable {
    /// The guest that is here, or is being built.
    case instance
    /// The guest in another size, which is on its way here or not yet confirmed.
    case resize
}

/// The most that all claims of a host may come to; nil where there is no limit.
public struct ClaimLimits: Sendable, Hashable {
    public var vcpus: Int?
    public var memoryMiB: Int?
    public var diskGiB: Int?
    /// Those that came with the request, for the words of a refusal.
    public var sent: Dimensions

    public struct Dimensions: OptionSet, Sendable, Hashable {
        public static let vcpus = Dimensions(rawValue: 1)
        public static let memory = Dimensions(rawValue: 2)
        public static let disk = Dimensions(rawValue: 4)

        public let rawValue: UInt8

        public init(rawValue: UInt8) { self.rawValue = rawValue }
    }

    public static let none = ClaimLimits()

    public init(vcpus: Int? = nil, memoryMiB: Int? = nil, diskGiB: Int? = nil, sent: Dimensions = []) {
        self.vcpus = vcpus
        self.memoryMiB = memoryMiB
        self.diskGiB = diskGiB
        self.sent = sent
    }
}

/// A part of the host that is an instance's until it is given back.
public struct StoredClaim: Sendable, Hashable {
    /// What names a claim.
    public struct Key: Sendable, Hashable {
        public let instance: InstanceID
        public let purpose: ClaimPurpose

        public init(instance: InstanceID, purpose: ClaimPurpose) {
            self.instance = instance
            self.purpose = purpose
        }
    }

    public let key: Key
    public let amounts: ClaimAmounts
    public let madeAt: Timestamp
}
