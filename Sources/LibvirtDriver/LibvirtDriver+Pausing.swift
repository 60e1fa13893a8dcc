// SPDX-License-Identifier: Apache-2.0

public import ComputeDriver
public import ComputeModel
internal import Libvirt

extension LibvirtDriver: PausingDriver {
    public func pause(_ instance: Instance) async throws {
        try requireWriting(instance.id)
        let domain = try await domain(instance.id)
        try await requireAnswering(instance.id)
        let state = try await host.withConnection(for: instance.id) { _ throws(LibvirtError) -> DomainState? in
            do throws(LibvirtError) { try await domain.suspend() } catch {
                guard error.code == .operationInvalid else { throw error }
                return try await domain.state()
            }
            return nil
        }
        guard let state, state != .paused else { return }
        throw ComputeFault.wrongState(PowerState(state), for: "be paused", instance: instance.id)
    }

    public func unpause(_ instance: Instance) async throws {
        try requireWriting(instance.id)
        let domain = try await domain(instance.id)
        try await requireAnswering(instance.id)
        let state = try await host.withConnection(for: instance.id) { _ throws(LibvirtError) -> DomainState? in
            do throws(LibvirtError) { try await domain.resume() } catch {
                guard error.code == .operationInvalid else { throw error }
                return try await domain.state()
            }
            return nil
        }
        guard let state, state != .running else { return }
        throw ComputeFault.wrongState(PowerState(state), for: "go on from a pause", instance: instance.id)
    }
}
