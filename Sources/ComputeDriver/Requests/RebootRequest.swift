// SPDX-License-Identifier: Apache-2.0

public import ComputeModel

/// How hard to reboot.
public enum RebootType: String, Sendable, Hashable, CaseIterable {
    /// Ask the guest, then fall back to a hard reboot.
    case soft = "SOFT"
    /// Reset the guest without asking.
    case hard = "HARD"
}

/// A reboot of one guest.
public struct RebootRequest: Sendable {
    public let instance: Instance
    public let type: RebootType

    public init(instance: Instance, type: RebootType) {
        self.instance = instance
        self.type = type
    }
}
