// SPDX-License-Identifier: Apache-2.0

public import ComputeModel

/// Drivers that stop a guest's processors and let them go on.
public protocol PausingDriver: ComputeDriver {
    /// Stops the guest's processors; its memory stays on the host. Success if it is paused. Nova: `pause`.
    func pause(_ instance: Instance) async throws

    /// Lets the guest's processors go on; success if it runs. Nova: `unpause`.
    func unpause(_ instance: Instance) async throws
}
