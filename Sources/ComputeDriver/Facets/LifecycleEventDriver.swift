// SPDX-License-Identifier: Apache-2.0

public import ComputeModel

/// Drivers whose hypervisor tells of state changes by itself.
public protocol LifecycleEventDriver: ComputeDriver {
    /// State changes as they happen. Hints, not the truth: after a ``LifecycleEvent/resynchronize`` read the states anew.
    ///
    /// Each call begins a stream of its own; a slow reader loses the oldest events and is told to resynchronize.
    func lifecycleEvents() -> AsyncStream<LifecycleEvent>
}

/// A change of a guest's state that nobody asked the driver for, or the echo of one that somebody did.
public enum LifecycleEvent: Sendable, Hashable {
    case changed(InstanceID, PowerState)
    /// Events may have been missed, for instance while the connection was down.
    case resynchronize
}
