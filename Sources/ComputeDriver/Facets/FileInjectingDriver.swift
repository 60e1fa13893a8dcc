// SPDX-License-Identifier: Apache-2.0

public import ComputeModel

/// Drivers that write a file into a running guest.
public protocol FileInjectingDriver: ComputeDriver {
    /// Nova: `inject_file`.
    func injectFile(_ file: Secret<InjectedFile>, into instance: Instance) async throws
}
