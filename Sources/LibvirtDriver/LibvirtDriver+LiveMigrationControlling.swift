// SPDX-License-Identifier: Apache-2.0

public import ComputeDriver
public import ComputeModel
internal import Libvirt

extension LibvirtDriver: LiveMigrationControllingDriver {
    public func forceLiveMigration(of instance: Instance) async throws {
        let id = instance.id
        try requireWriting(id)
        let domain = try await domain(id)
        let job = try await host.withConnection(for: id) { _ throws(LibvirtError) in try await domain.job() }
        guard job != nil else { throw ComputeFault.invalid("The guest does not move just now", instance: id) }
        // Written to no more, its memory is soon over there.
        try await pause(instance)
    }

    public func abortLiveMigration(of instance: Instance) async throws {
        let id = instance.id
        try requireWriting(id)
        guard let domain = try await knownDomain(id) else { return }
        try await host.withConnection(for: id) { _ throws(LibvirtError) in
            guard try await domain.job() != nil else { return }
            do throws(LibvirtError) { try await domain.abortJob() } catch {
                guard error.code == .operationInvalid else { throw error }
            }
        }
    }
}
