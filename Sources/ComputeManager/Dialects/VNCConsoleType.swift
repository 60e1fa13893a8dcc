// SPDX-License-Identifier: Apache-2.0

/// The kinds of VNC consoles, by their wire names.
enum VNCConsoleType: String, Sendable, Hashable, CaseIterable {
    case noVNC = "novnc"
    case xvpVNC = "xvpvnc"
}
