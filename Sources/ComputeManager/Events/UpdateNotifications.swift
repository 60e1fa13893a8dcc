// SPDX-License-Identifier: Apache-2.0

/// Which writes of an instance are told as `compute.instance.update`.
public struct UpdateNotifications: Sendable, Hashable {
    /// Nova's `notify_on_state_change`.
    public enum StateChange: String, Sendable, Hashable, CaseIterable {
        case vmState = "vm_state"
        case vmAndTaskState = "vm_and_task_state"
    }

    public let onStateChange: StateChange?
    /// Nova's `notify_on_any_change`.
    public let onAnyChange: Bool

    public init(onStateChange: StateChange? = nil, onAnyChange: Bool = false) {
        self.onStateChange = onStateChange
        self.onAnyChange = onAnyChange
    }

    /// Whether updates are told at all.
    public var isOn: Bool { onStateChange != nil || onAnyChange }
}
