// SPDX-License-Identifier: Apache-2.0

public import ComputeModel

/// Drivers whose guests have a SPICE screen.
public protocol SPICEConsoleDriver: ComputeDriver {
    /// Where a proxy reaches it; `consoleNotAvailable` for a guest that is off or has none. Nova: `get_spice_console`.
    func spiceConsole(_ instance: Instance) async throws -> ConsoleEndpoint
}
