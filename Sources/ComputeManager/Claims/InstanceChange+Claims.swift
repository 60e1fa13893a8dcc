// SPDX-License-Identifier: Apache-2.0

internal import ComputeModel
internal import WorkerStore

/// What a commit changes of an instance's claims.
enum ClaimChange: Sendable {
    case take(ClaimPurpose, ClaimAmounts, ClaimLimits)
    case release(ClaimPurpose)
    /// The instance has what it takes after a resize, in place of what it had and of what that claimed.
    case settle(ClaimAmounts)
}

extension InstanceChange {
    /// Takes a part of the host in the same commit, in place of what the instance had for that purpose.
    ///
    /// Where that is not to be had the commit fails with `computeResourcesUnavailable`, and nothing of it is kept.
    mutating func claim(_ purpose: ClaimPurpose, _ amounts: ClaimAmounts, limits: ClaimLimits) {
        changeClaims(.take(purpose, amounts, limits))
    }

    /// Gives back what was claimed for a purpose; ``clean()`` and ``remove()`` give everything back.
    mutating func releaseClaim(_ purpose: ClaimPurpose) { changeClaims(.release(purpose)) }

    /// Gives back what a resize claimed that comes to nothing, but not what another one did whose disks are on their
    /// way already.
    mutating func releaseResizeClaim() {
        switch row.migration?.status {
        case .postMigrating?, .finished?: return
        default: releaseClaim(.resize)
        }
    }

    /// A resize has come to its end here: the instance claims what it takes now.
    mutating func settleClaim() { changeClaims(.settle(ClaimAmounts(of: instance))) }
}

extension ClaimChange {
    func apply(to id: InstanceID, in transaction: borrowing StoreTransaction) throws {
        switch self {
        case .take(let purpose, let amounts, let limits):
            try transaction.claim(amounts, for: StoredClaim.Key(instance: id, purpose: purpose), limits: limits)
        case .release(let purpose):
            try transaction.releaseClaim(StoredClaim.Key(instance: id, purpose: purpose))
        case .settle(let amounts):
            try transaction.releaseClaim(StoredClaim.Key(instance: id, purpose: .resize))
            try transaction.claim(amounts, for: StoredClaim.Key(instance: id, purpose: .instance), limits: .none)
        }
    }
}
