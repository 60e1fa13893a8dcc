// SPDX-License-Identifier: Apache-2.0

public import ComputeModel

/// Drivers that take note of a power change that another service tells of.
public protocol PowerEventReceivingDriver: ComputeDriver {
    /// Nova: `power_update_event`.
    func receivePowerEvent(_ state: PowerState, of instance: Instance) async throws
}
