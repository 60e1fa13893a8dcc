// SPDX-License-Identifier: Apache-2.0

public import ComputeDriver
public import ComputeModel
internal import Libvirt

extension LibvirtDriver: SuspendingDriver {
    /// To libvirt, and so to ``info(_:)``, a guest whose memory is on the disk is one that is off.
    public func suspend(_ instance: Instance) async throws {
        let id = instance.id
        try requireWriting(id)
        let domain = try await domain(id)
        let (state, isSaved) = try await host.withConnection(for: id) { _ throws(LibvirtError) in
            (try await domain.state(), try await domain.hasManagedSave())
        }
        if isSaved, state == .shutoff { return }
        guard [.running, .blocked, .paused, .pmSuspended].contains(state) else {
            throw ComputeFault.wrongState(PowerState(state), for: "be suspended", instance: id)
        }
        try await requireAnswering(id)
        try await host.transfer(domain, .silent, instance: id) { [self] () throws(LibvirtError) in
            await awaitJobEnd(domain)
            do throws(LibvirtError) { try await domain.managedSave() } catch {
                // The one that was waited for was this, or another has come to its end meanwhile.
                guard error.code == .operationInvalid, try await domain.state() == .shutoff,
                    try await domain.hasManagedSave()
                else { throw error }
            }
        }
    }

    /// Waits for a save or a migration that a worker has begun that died: libvirt takes it to its end by itself, and
    /// takes no other meanwhile.
    ///
    /// Goes on after a cancellation, which has the job aborted.
    private func awaitJobEnd(_ domain: Domain, clock: any Clock<Duration> = ContinuousClock()) async {
        await uncancelled {
            // A domain that can't be asked fails the save that follows.
            while (try? await domain.job()) != nil {
                try? await clock.sleep(for: .milliseconds(250), tolerance: nil)
            }
        }
    }

    public func resume(_ instance: Instance) async throws {
        let id = instance.id
        try requireWriting(id)
        let domain = try await domain(id)
        let state = try await host.withConnection(for: id) { _ throws(LibvirtError) in try await domain.state() }
        switch state {
        case .running, .blocked: return
        case .paused: try await unpause(instance)
        default: try await bringUp(domain, id, mayBeSaved: true)
        }
    }
}
