// SPDX-License-Identifier: Apache-2.0

public import ComputeDriver
public import ComputeModel

/// What a host in memory knows beside its guests; see ``FakeDriver/host``.
public struct FakeHost: Sendable {
    public internal(set) var isInMaintenance = false
    public internal(set) var isEnabled = true
    public internal(set) var powerActions: [HostPowerAction] = []
    /// The members of each pool.
    public internal(set) var aggregates: [Int: Set<String>] = [:]
    /// The groups whose rules, or the rules on whose members, were applied anew, in that order.
    public internal(set) var refreshedGroups: [Int] = []
    public internal(set) var refreshedGroupMembers: [Int] = []
    public internal(set) var providerRuleRefreshes = 0
    /// The instances that have filters here.
    public internal(set) var filtered: Set<InstanceID> = []
    /// The MAC addresses that are plugged in, by instance.
    public internal(set) var plugged: [InstanceID: [String]] = [:]
    /// The instances for which each file share is mounted.
    public internal(set) var shares: [String: Set<InstanceID>] = [:]
    /// The images that are kept here, with their sizes.
    public internal(set) var images: [String: ByteCount] = [:]
    /// The instances for which something was reserved ahead of their build.
    public internal(set) var reservations: Set<InstanceID> = []
    /// The guests that the source of a resize keeps until it is confirmed or reverted.
    public internal(set) var kept: [InstanceID: FakeGuest] = [:]
    /// The instances that are expected by live migration.
    public internal(set) var expected: Set<InstanceID> = []
    /// The instances of which a live migration has left traces here.
    public internal(set) var leftBehind: Set<InstanceID> = []
    /// The marks of storage checks, and of checks for live migrations, that were not removed yet.
    public internal(set) var marks: Set<String> = []
    /// What was done to the pools, so that it can be undone.
}
