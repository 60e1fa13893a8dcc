// SPDX-License-Identifier: Apache-2.0

/// A kind of domain that the qemu driver of libvirt runs, with nova's names (`virt_type`).
public enum VirtType: String, Sendable, Hashable, CaseIterable {
    /// Hardware virtualisation.
    case kvm
    /// Emulation of every instruction (TCG).
    case qemu
}

/// What a host shows of its ability to run guests by kvm.
public struct HostVirtualization: Sendable, Hashable {
    /// What became of opening /dev/kvm.
    public enum Device: Sendable, Hashable {
        case opens
        case missing
        /// There, but not for us; the words say why.
        case refuses(String)
    }

    public var device: Device
    /// Which processor virtualisation /proc/cpuinfo names, `vmx` or `svm`; nil for neither.
    public var processorFlag: String?
    /// Whether the processor is of a family that names it there.
    public var namesProcessorFlags: Bool

    public init(device: Device, processorFlag: String?, namesProcessorFlags: Bool = true) {
        self.device = device
        self.processorFlag = processorFlag
        self.namesProcessorFlags = namesProcessorFlags
    }

    /// Whether the processor can do what kvm needs. An openable /dev/kvm alone proves nothing: there are kernels that
    /// emulate it, and a Linux guest hangs in them.
    public var hasHardware: Bool { processorFlag != nil || !namesProcessorFlags }
}

/// Which kind of domain the driver makes, and why.
public struct VirtTypeChoice: Sendable, Hashable {
    public let type: VirtType
    /// A clause that goes on after the type: "because …".
    public let reason: String
    /// Whether what was configured is likely not to work.
    public let isDoubtful: Bool

    /// Chooses by what is configured, else kvm where it can work, else qemu.
    public static func choose(configured: VirtType?, host: HostVirtualization) -> VirtTypeChoice {
        let obstacle: String? =
            switch host.device {
            case .missing: "there is no /dev/kvm"
            case .refuses(let why): "/dev/kvm does not open (\(why))"
            case .opens where !host.hasHardware:
                "/dev/kvm opens, but /proc/cpuinfo shows neither vmx nor svm, without which guests hang in it"
            case .opens: nil
            }
        switch (configured, obstacle) {
        case (.kvm?, let obstacle?):
            return VirtTypeChoice(
                type: .kvm, reason: "because virt_type says so, although \(obstacle)", isDoubtful: true)
        case (let configured?, _):
            return VirtTypeChoice(type: configured, reason: "because virt_type says so", isDoubtful: false)
        case (nil, let obstacle?):
            return VirtTypeChoice(type: .qemu, reason: "because \(obstacle)", isDoubtful: false)
        case (nil, nil):
            let flag = host.processorFlag.map { " and the processor has \($0)" } ?? ""
            return VirtTypeChoice(type: .kvm, reason: "because /dev/kvm opens\(flag)", isDoubtful: false)
        }
    }
}
