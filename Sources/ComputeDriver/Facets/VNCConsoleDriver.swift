// SPDX-License-Identifier: Apache-2.0

public import ComputeModel

/// Drivers whose guests have a VNC screen.
public protocol VNCConsoleDriver: ComputeDriver {
    /// Where a proxy reaches it; `consoleNotAvailable` for a guest that is off or has none. Nova: `get_vnc_console`.
    func vncConsole(_ instance: Instance) async throws -> ConsoleEndpoint
}
