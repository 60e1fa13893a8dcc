// SPDX-License-Identifier: Apache-2.0

public import ComputeDriver
public import ComputeModel
internal import Libvirt

extension LibvirtDriver: QuiescingDriver {
    public func quiesce(_ instance: Instance) async throws {
        try requireWriting(instance.id)
        let domain = try await domain(instance.id)
        try await requireAnswering(instance.id)
        try await host.withConnection(for: instance.id) { _ throws(LibvirtError) in
            try await domain.freezeFileSystems()
        }
    }

    public func unquiesce(_ instance: Instance) async throws {
        try requireWriting(instance.id)
        let domain = try await domain(instance.id)
        try await requireAnswering(instance.id)
        try await host.withConnection(for: instance.id) { _ throws(LibvirtError) in
            try await domain.thawFileSystems()
        }
    }
}
