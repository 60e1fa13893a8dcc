// SPDX-License-Identifier: Apache-2.0

public import ComputeModel

/// Drivers that have a guest bring its file systems to rest for a snapshot.
public protocol QuiescingDriver: ComputeDriver {
    /// Freezes the file systems; throws `hypervisorFailure` where the guest has no agent. Nova: `quiesce`.
    func quiesce(_ instance: Instance) async throws

    /// Thaws them; success if they are not frozen. Nova: `unquiesce`.
    func unquiesce(_ instance: Instance) async throws
}
