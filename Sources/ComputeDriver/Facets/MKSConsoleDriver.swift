// SPDX-License-Identifier: Apache-2.0

public import ComputeModel

/// Drivers whose guests have a screen of VMware's kind (mouse, keyboard, screen).
public protocol MKSConsoleDriver: ComputeDriver {
    /// Where a proxy reaches it; `consoleNotAvailable` for a guest that is off or has none. Nova: `get_mks_console`.
    func mksConsole(_ instance: Instance) async throws -> ConsoleEndpoint
}
