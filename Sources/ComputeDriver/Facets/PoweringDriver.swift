// SPDX-License-Identifier: Apache-2.0

public import ComputeModel

/// Drivers that stop a guest and start it again without building it anew.
public protocol PoweringDriver: ComputeDriver {
    /// Stops the guest at once; success if it is off. Nova: `power_off`.
    func powerOff(_ instance: Instance) async throws

    /// Starts a guest that is off; success if it runs. Nova: `power_on`.
    func powerOn(_ instance: Instance) async throws
}
