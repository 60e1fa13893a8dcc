// SPDX-License-Identifier: Apache-2.0

public import ComputeModel

/// Drivers whose guests have a serial line over TCP.
public protocol SerialConsoleDriver: ComputeDriver {
    /// Where a proxy reaches it; `consoleNotAvailable` for a guest that is off or has none. Nova: `get_serial_console`.
    func serialConsole(_ instance: Instance) async throws -> ConsoleEndpoint
}
