// SPDX-License-Identifier: Apache-2.0

public import ComputeModel

/// Drivers that stop a guest and start it again without building it anew.
public protocol PoweringDriver: ComputeDriver {
    /// Stops the guest at once; success if it is off. Nova: `power_off`.
    func powerOff(_ instance: Instance) async throws

    /// Starts a guest that is off; success if it runs. Nova: `power_on`.
    func powerOn(_ instance: Instance) async throws
}

/// Drivers that can read what a guest wrote to its serial console.
public protocol ConsoleOutputDriver: ComputeDriver {
    /// The last 102 400 bytes at most, as they came from the guest: any bytes at all. Nova: `get_console_output`.
    func consoleOutput(_ instance: Instance) async throws -> [UInt8]
}

/// Drivers that can tell how long their host has been up.
public protocol HostUptimeDriver: ComputeDriver {
    /// The line that `uptime` prints on the host. Nova: `get_host_uptime`.
    func hostUptime() async throws -> String
}

/// Drivers whose hypervisor tells of state changes by itself.
public protocol LifecycleEventDriver: ComputeDriver {
    /// State changes as they happen. Hints, not the truth: after a ``LifecycleEvent/resynchronize`` read the states anew.
    ///
    /// Each call begins a stream of its own; a slow reader loses the oldest events and is told to resynchronize.
    func lifecycleEvents() -> AsyncStream<LifecycleEvent>
}

/// Drivers that notice when a single guest does not answer its hypervisor.
public protocol GuestWatchingDriver: ComputeDriver {
    /// The guests of which a call was given up and has not returned yet; each leaves by itself when it does.
    ///
    /// ``ComputeDriver/instances()`` tells `noState` of them, and a call that would wait for one of them fails with a
    /// retriable fault that says so.
    var unresponsiveGuests: Set<InstanceID> { get }
}

/// A change of a guest's state that nobody asked the driver for, or the echo of one that somebody did.
public enum LifecycleEvent: Sendable, Hashable {
    case changed(InstanceID, PowerState)
    /// Events may have been missed, for instance while the connection was down.
    case resynchronize
}

/// Drivers whose hypervisor can be away while they are there.
public protocol OutageTellingDriver: ComputeDriver {
    /// Why the hypervisor can't be asked, nil where it can: how it is now, then each change.
    ///
    /// Each call begins a stream of its own; a slow reader misses what was between, never the last.
    func outages() -> AsyncStream<String?>
}
