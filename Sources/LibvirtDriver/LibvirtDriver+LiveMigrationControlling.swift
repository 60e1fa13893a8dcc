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
        while let domain = try await knownDomain(id), try await giveUpJob(of: domain, id) { try await awaitBeat() }
    }

    private func awaitBeat(clock: any Clock<Duration> = ContinuousClock()) async throws {
        try await clock.sleep(for: .milliseconds(100), tolerance: nil)
    }

    /// Asks libvirt to end a move; whether it still has one. Where a guest will be that is just being handed over
    /// nobody knows.
    private func giveUpJob(of domain: Domain, _ id: InstanceID) async throws -> Bool {
        try await host.withConnection(for: id) { _ throws(LibvirtError) in
            do throws(LibvirtError) {
                guard try await domain.job() != nil else { return false }
            } catch {
                // It went, or is off, which has no jobs.
                guard [.noDomain, .operationInvalid].contains(error.code) else { throw error }
                return false
            }
            do throws(LibvirtError) { try await domain.abortJob() } catch {
                // Too late for that: it ends by itself.
                guard [.noDomain, .operationInvalid, .operationFailed, .internalError].contains(error.code) else {
                    throw error
                }
            }
            return true
        }
    }
}
