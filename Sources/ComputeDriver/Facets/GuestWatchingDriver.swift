// SPDX-License-Identifier: Apache-2.0

public import ComputeModel

/// Drivers that notice when a single guest does not answer its hypervisor.
public protocol GuestWatchingDriver: ComputeDriver {
    /// The guests of which a call was given up and has not returned yet; each leaves by itself when it does.
    ///
    /// ``ComputeDriver/instances()`` tells `noState` of them, and a call that would wait for one of them fails with a
    /// retriable fault that says so.
    var unresponsiveGuests: Set<InstanceID> { get }
}
