// SPDX-License-Identifier: Apache-2.0

public import ComputeModel

/// Drivers that can read what a guest wrote to its serial console.
public protocol ConsoleOutputDriver: ComputeDriver {
    /// The last 102 400 bytes at most, as they came from the guest: any bytes at all. Nova: `get_console_output`.
    func consoleOutput(_ instance: Instance) async throws -> [UInt8]
}
