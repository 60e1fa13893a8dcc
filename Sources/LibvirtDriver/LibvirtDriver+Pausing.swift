// SPDX-License-Identifier: Apache-2.0

public import ComputeDriver
public import ComputeModel
internal import Libvirt

extension LibvirtDriver: PausingDriver {
    public func pause(_ instance: Instance) async throws {
        try await bring(instance.id, to: .paused, "be paused") { domain throws(LibvirtError) in
            try await domain.suspend()
        }
    }

    public func unpause(_ instance: Instance) async throws {
        try await bring(instance.id, to: .running, "go on from a pause") { domain throws(LibvirtError) in
            try await domain.resume()
        }
    }

    private func bring(
        _ id: InstanceID, to wanted: DomainState, _ wish: String,
        _ body: @escaping @Sendable (Domain) async throws(LibvirtError) -> Void
    ) async throws {
        try requireWriting(id)
        let domain = try await domain(id)
        try await requireAnswering(id)
        let state = try await host.withConnection(for: id) { _ throws(LibvirtError) -> DomainState? in
            do throws(LibvirtError) { try await body(domain) } catch {
                // Whether a guest may be asked for the state that it is in differs between hypervisors.
                guard error.kind == .library, !error.isConnectionLost else { throw error }
                let state = try await domain.state()
                guard state == wanted || error.code == .operationInvalid else { throw error }
                return state
            }
            return nil
        }
        guard let state, state != wanted else { return }
        throw ComputeFault.wrongState(PowerState(state), for: wish, instance: id)
    }
}
