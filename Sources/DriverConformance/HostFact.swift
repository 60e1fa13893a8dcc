// SPDX-License-Identifier: Apache-2.0

/// What a driver does to a host and for which its contract has no question: a ``DriverUnderTest`` looks by a way of its
/// own, such as the hypervisor's own tools.
public enum HostFact: String, Sendable, Hashable, CaseIterable {
    // Of a guest.
    /// `volume@device`, sorted.
    case volumes
    /// `volume=bytes`.
    case volumeSizes
    /// `volume/snapshot`.
    case volumeSnapshots
    /// MAC addresses, sorted.
    case interfaces
    case pluggedInterfaces
    case filters
    /// Paths.
    case files
    case adminPassword
    /// `key=value`, sorted.
    case metadata
    /// The MAC addresses that the guest was told of.
    case injectedNetwork
    case networkResets
    case rescue
    case quiesced
    case softDeleted
    /// How often it was asked to go down by itself.
    case powerButton
    /// Copies of its root disk that go on, and what is left of some.
    case copies
    case crashDumps
    /// What changes when the guest gets another root disk.
    case rootDisk
    case ruleRefreshes
    case shares
    case reservation
    /// What the source of a resize keeps.
    case kept
    /// That the guest is expected by live migration.
    case expected
    /// What is left of a guest that has moved.
    case leftBehind
    /// Whether a guest that came by live migration would be gone with the next stop.
    case passing
    // Of the host.
    case marks
    case cachedImages
    case refreshedGroups
    case refreshedGroupMembers
    case providerRuleRefreshes
    case maintenance
    case enabled
    case powerActions
    /// `aggregate:host`.
    case aggregates
}
