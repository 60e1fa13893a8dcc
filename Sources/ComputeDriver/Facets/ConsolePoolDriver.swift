// SPDX-License-Identifier: Apache-2.0

/// Drivers whose hypervisor serves the consoles of all its guests at one address.
public protocol ConsolePoolDriver: ComputeDriver {
    /// Nova: `get_console_pool_info`.
    func consolePool(_ consoleType: String) async throws -> ConsolePool
}
