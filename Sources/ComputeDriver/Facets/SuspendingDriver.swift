// SPDX-License-Identifier: Apache-2.0

public import ComputeModel

/// Drivers that put a guest's memory on the disk and bring it back.
public protocol SuspendingDriver: ComputeDriver {
    /// Saves the guest's memory and frees the host's; success if it is suspended. Nova: `suspend`.
    func suspend(_ instance: Instance) async throws

    /// Goes on from what ``suspend(_:)`` saved; success if the guest runs. Nova: `resume`.
    func resume(_ instance: Instance) async throws
}
