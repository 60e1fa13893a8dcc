// SPDX-License-Identifier: Apache-2.0

internal import CLibvirt

extension Domain {
    /// Puts the guest's memory on the disk and ends it; the next start goes on from there (`virDomainManagedSave`).
    ///
    /// Takes as long as the memory is large; ``abortJob()`` from elsewhere ends it, and the guest goes on.
    public func managedSave() async throws(LibvirtError) {
        // Runs when it is restored, whatever it did when it was saved.
        let flags = VIR_DOMAIN_SAVE_RUNNING.rawValue
        try await call("virDomainManagedSave", on: .transfer) { done(virDomainManagedSave($0, flags)) }
    }

    /// Whether the next start goes on from saved memory (`virDomainHasManagedSaveImage`).
    public func hasManagedSave() async throws(LibvirtError) -> Bool {
        try await call("virDomainHasManagedSaveImage", isQuestion: true) { domain in
            let answer = virDomainHasManagedSaveImage(domain, 0)
            return answer < 0 ? nil : answer == 1
        }
    }

    /// Forgets saved memory; the next start is a boot (`virDomainManagedSaveRemove`).
    public func removeManagedSave() async throws(LibvirtError) {
        try await call("virDomainManagedSaveRemove") { done(virDomainManagedSaveRemove($0, 0)) }
    }

    /// How far the save or migration is that is under way; nil for none (`virDomainGetJobInfo`).
    public func job() async throws(LibvirtError) -> DomainJob? {
        let found = try await call("virDomainGetJobInfo", isQuestion: true) { domain -> DomainJob?? in
            var info = virDomainJobInfo()
            guard virDomainGetJobInfo(domain, &info) == 0 else { return nil }
            // One that has moved all its bytes is `COMPLETED` until both hosts have heard of it.
            let isUnderWay = info.type != Int32(VIR_DOMAIN_JOB_NONE.rawValue)
            return .some(isUnderWay ? DomainJob(processed: info.dataProcessed, total: info.dataTotal) : nil)
        }
        return found
    }

    /// Ends the save or migration that is under way, whose call then fails (`virDomainAbortJob`).
    public func abortJob() async throws(LibvirtError) {
        try await call("virDomainAbortJob") { done(virDomainAbortJob($0)) }
    }
}

/// How far a save or a migration is, in bytes.
public struct DomainJob: Sendable, Hashable {
    public let processed: UInt64
    /// Grows as the guest writes to its memory.
    public let total: UInt64
}
