// SPDX-License-Identifier: Apache-2.0

/// Drivers that bring a guest back after its host was started anew.
public protocol HostBootResumingDriver: ComputeDriver {
    /// Starts the guest as it ran before the host went down; success if it runs. Nova: `resume_state_on_host_boot`.
    func resumeStateOnHostBoot(_ request: GuestRequest) async throws
}
