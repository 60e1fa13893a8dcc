// SPDX-License-Identifier: Apache-2.0

public import ComputeModel

/// What a scheduler wants to know of a host, in one set of units for every driver.
public struct HostStatistics: Sendable, Hashable {
    public let resources: HostResources
    public let memoryFree: ByteCount
    /// What may still be promised, disks that can grow counted in full.
    public let diskAvailable: ByteCount
    /// Nova's `cpu_info`: `arch`, `model`, `vendor`, `topology`, `features`.
    public let cpuInfo: JSONObject
    public let supportedInstances: [SupportedInstance]

    public init(
        resources: HostResources, memoryFree: ByteCount, diskAvailable: ByteCount, cpuInfo: JSONObject,
        supportedInstances: [SupportedInstance]
    ) {
        self.resources = resources
        self.memoryFree = memoryFree
        self.diskAvailable = diskAvailable
        self.cpuInfo = cpuInfo
        self.supportedInstances = supportedInstances
    }
}

/// A kind of guest that a host can run.
public struct SupportedInstance: Sendable, Hashable {
    /// `x86_64`.
    public let architecture: String
    /// `kvm`, `qemu`, `lxc`.
    public let hypervisor: String
    /// `hvm`, `xen`, `exe`, `uml`.
    public let mode: String

    public init(architecture: String, hypervisor: String, mode: String) {
        self.architecture = architecture
        self.hypervisor = hypervisor
        self.mode = mode
    }
}

/// What the host's processors did since it was started.
public struct HostCPUTimes: Sendable, Hashable {
    public let kernel: Duration
    public let user: Duration
    public let idle: Duration
    public let ioWait: Duration
    public let megahertz: Int

    public init(kernel: Duration, user: Duration, idle: Duration, ioWait: Duration, megahertz: Int) {
        self.kernel = kernel
        self.user = user
        self.idle = idle
        self.ioWait = ioWait
        self.megahertz = megahertz
    }
}
