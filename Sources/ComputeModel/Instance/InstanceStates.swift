// SPDX-License-Identifier: Apache-2.0

/// What the hypervisor says of a guest, with nova's numbers (`nova.compute.power_state`).
public enum PowerState: Int, Sendable, Hashable, CaseIterable {
    case noState = 0
    case running = 1
    case paused = 3
    case shutdown = 4
    case crashed = 6
    case suspended = 7
    case building = 9
}

/// What the cloud has made of an instance (`nova.compute.vm_states`).
public enum VMState: String, Sendable, Hashable, CaseIterable {
    case active
    case building
    case paused
    case suspended
    case stopped
    case rescued
    case resized
    case softDeleted = "soft-delete"
    case deleted
    case error
}

/// What is being done to an instance (`nova.compute.task_states`); nothing is nil.
public enum TaskState: String, Sendable, Hashable, CaseIterable {
    case scheduling
    case blockDeviceMapping = "block_device_mapping"
    case networking
    case spawning
    case imageSnapshot = "image_snapshot"
    case imageBackup = "image_backup"
    case updatingPassword = "updating_password"
    case resizePrep = "resize_prep"
    case resizeMigrating = "resize_migrating"
    case resizeMigrated = "resize_migrated"
    case resizeFinish = "resize_finish"
    case resizeReverting = "resize_reverting"
    case resizeConfirming = "resize_confirming"
    case rebooting
    case rebootingHard = "rebooting_hard"
    case pausing
    case unpausing
    case suspending
    case resuming
    case stopping
    case starting
    case poweringOff = "powering-off"
    case poweringOn = "powering-on"
    case rescuing
    case unrescuing
    case rebuilding
    case rebuildBlockDeviceMapping = "rebuild_block_device_mapping"
    case rebuildSpawning = "rebuild_spawning"
    case migrating
    case deleting
}
