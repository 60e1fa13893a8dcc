// SPDX-License-Identifier: Apache-2.0

public import ComputeDriver
public import ComputeModel
internal import Libvirt

extension LibvirtDriver: PausingDriver {
    public func pause(_ instance: Instance) async throws {
        try requireWriting(instance.id)
        let domain = try await domain(instance.id)
        try await requireAnswering(instance.id)
        try await host.withConnection(for: instance.id) { _ throws(LibvirtError) in
            do throws(LibvirtError) { try await domain.suspend() } catch {
                guard error.code == .operationInvalid, try await domain.state() == .paused else { throw error }
            }
        }
    }

    public func unpause(_ instance: Instance) async throws {
        try requireWriting(instance.id)
        let domain = try await domain(instance.id)
        try await requireAnswering(instance.id)
        try await host.withConnection(for: instance.id) { _ throws(LibvirtError) in
            do throws(LibvirtError) { try await domain.resume() } catch {
                guard error.code == .operationInvalid, try await domain.state() == .running else { throw error }
            }
        }
    }
}
