// SPDX-License-Identifier: Apache-2.0

/// What can be done to a host's power.
public enum HostPowerAction: String, Sendable, Hashable, CaseIterable {
    case reboot
    case shutdown
    case startup
}
