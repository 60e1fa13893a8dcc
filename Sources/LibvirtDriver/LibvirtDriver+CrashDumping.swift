// SPDX-License-Identifier: Apache-2.0

public import ComputeDriver
public import ComputeModel
internal import Libvirt

extension LibvirtDriver: CrashDumpingDriver {
    /// A non-maskable interrupt, of which a guest that is set up for it makes a crash and a dump.
    public func triggerCrashDump(_ instance: Instance) async throws {
        try requireWriting(instance.id)
        let domain = try await domain(instance.id)
        try await requireAnswering(instance.id)
        try await host.withConnection(for: instance.id) { _ throws(LibvirtError) in try await domain.injectNMI() }
    }
}
