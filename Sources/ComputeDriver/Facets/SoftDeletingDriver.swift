// SPDX-License-Identifier: Apache-2.0

public import ComputeModel

/// Drivers that keep a deleted guest for a while in a way of their own.
///
/// No request of Folsom's asks for it: there a guest is switched off, whatever the driver.
public protocol SoftDeletingDriver: ComputeDriver {
    /// Nova: `soft_delete`.
    func softDelete(_ instance: Instance) async throws

    /// Nova: `restore`.
    func restore(_ instance: Instance) async throws
}
