// SPDX-License-Identifier: Apache-2.0

public import ComputeModel

/// Drivers that make a guest crash so that it writes a dump.
public protocol CrashDumpingDriver: ComputeDriver {
    /// Nova: `trigger_crash_dump`.
    func triggerCrashDump(_ instance: Instance) async throws
}
