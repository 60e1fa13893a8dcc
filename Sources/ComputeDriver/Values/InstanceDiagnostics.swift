// SPDX-License-Identifier: Apache-2.0

public import ComputeModel

/// A guest's counters, with types.
public struct InstanceDiagnostics: Sendable, Hashable {
    public let powerState: PowerState
    /// Nil where the hypervisor does not tell.
    public let uptime: Duration?
    public let memory: ByteCount
    /// One for each virtual processor.
    public let cpuTimes: [Duration]
    public let disks: [BlockCounters]
    public let interfaces: [InterfaceCounters]

    public init(
        powerState: PowerState, uptime: Duration?, memory: ByteCount, cpuTimes: [Duration], disks: [BlockCounters],
        interfaces: [InterfaceCounters]
    ) {
        self.powerState = powerState
        self.uptime = uptime
        self.memory = memory
        self.cpuTimes = cpuTimes
        self.disks = disks
        self.interfaces = interfaces
    }
}
