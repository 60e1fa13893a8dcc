// SPDX-License-Identifier: Apache-2.0

/// What a build may ask for beyond memory, processors, a root disk and a kernel; each is honoured or refused, never
/// forgotten.
public enum SpawnArgument: String, CaseIterable, Sendable, Hashable, CustomStringConvertible {
    case networks = "requested_networks"
    case volumes = "block_device_mapping"
    case injectedFiles = "injected_files"
    case adminPassword = "admin_password"
    case configDrive = "config_drive"
    case userData = "user_data"
    case ephemeralDisk = "ephemeral_gb"
    case swapDisk = "swap"

    public var description: String { rawValue }
}
