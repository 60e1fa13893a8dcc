// SPDX-License-Identifier: Apache-2.0

import LibvirtDriver
import Testing

@Suite("The choice of virt_type")
struct VirtTypeChoiceTests {
    func choose(
        _ configured: VirtType?, _ device: HostVirtualization.Device, flag: String?, namesFlags: Bool = true
    ) -> VirtTypeChoice {
        .choose(
            configured: configured,
            host: HostVirtualization(device: device, processorFlag: flag, namesProcessorFlags: namesFlags))
    }

    @Test("is kvm where the device opens and the processor has what it needs", arguments: ["vmx", "svm"])
    func able(flag: String) {
        let choice = choose(nil, .opens, flag: flag)
        #expect(choice.type == .kvm)
        #expect(choice.reason == "because /dev/kvm opens and the processor has \(flag)")
        #expect(!choice.isDoubtful)
    }

    @Test("is qemu where the device opens but the processor shows neither vmx nor svm")
    func paravirtual() {
        let choice = choose(nil, .opens, flag: nil)
        #expect(choice.type == .qemu)
        #expect(choice.reason.contains("neither vmx nor svm"))
    }

    @Test("is qemu without the device, or when it does not open, and says which")
    func unable() {
        #expect(
            choose(nil, .missing, flag: "vmx")
                == VirtTypeChoice.choose(
                    configured: nil, host: HostVirtualization(device: .missing, processorFlag: "vmx")))
        #expect(choose(nil, .missing, flag: "vmx").type == .qemu)
        #expect(choose(nil, .missing, flag: "vmx").reason == "because there is no /dev/kvm")
        #expect(choose(nil, .refuses("Permission denied"), flag: "svm").type == .qemu)
        #expect(choose(nil, .refuses("Permission denied"), flag: "svm").reason.contains("Permission denied"))
    }

    @Test("is kvm on a processor that names no such flags, where the device opens")
    func otherProcessors() { #expect(choose(nil, .opens, flag: nil, namesFlags: false).type == .kvm) }

    @Test("follows the configuration, with a doubt where it can't work")
    func configured() {
        #expect(choose(.qemu, .opens, flag: "vmx").type == .qemu)
        #expect(!choose(.qemu, .opens, flag: "vmx").isDoubtful)
        #expect(!choose(.kvm, .opens, flag: "vmx").isDoubtful)
        let doubtful = choose(.kvm, .opens, flag: nil)
        #expect(doubtful.type == .kvm)
        #expect(doubtful.isDoubtful)
        #expect(doubtful.reason.contains("although /dev/kvm opens, but"))
    }
}
