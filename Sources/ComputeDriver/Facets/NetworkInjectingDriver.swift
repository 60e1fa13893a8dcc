// SPDX-License-Identifier: Apache-2.0

public import ComputeModel

/// Drivers that tell a guest of changes of its network.
public protocol NetworkInjectingDriver: ComputeDriver {
    /// Hands the description over. Nova: `inject_network_info`.
    func injectNetworkInfo(_ request: GuestRequest) async throws

    /// Asks the guest to set its network up anew. Nova: `reset_network`.
    func resetNetwork(_ instance: Instance) async throws
}
