// SPDX-License-Identifier: Apache-2.0

internal import ComputeDriver
internal import ComputeModel
internal import WorkerStore

extension Simulation {
    /// What is claimed of the host is what the instances that are here take of it.
    func checkClaims(_ claims: [StoredClaim], _ rows: [StoredInstance], _ guests: [InstanceSummary]) {
        let known = Dictionary(uniqueKeysWithValues: rows.map { ($0.id, $0) })
        for claim in claims {
            let id = claim.key.instance
            guard let row = known[id], row.instance.vmState != .deleted else {
                world.violate(.claimsAreLive, "a claim of \(id), which is not here")
                continue
            }
            if claim.key.purpose == .resize, row.details["migration"] == nil {
                world.violate(.claimsAreLive, "\(id) claims room for a resize, and none is under way")
            }
        }
        for guest in guests where !world.ledger.foreign.contains(guest.id) {
            guard let row = known[guest.id], row.details["migration"] == nil else { continue }
            let held = claims.first { $0.key == StoredClaim.Key(instance: guest.id, purpose: .instance) }
            let own = ClaimAmounts(of: row.instance)
            if held?.amounts != own {
                let claimed = held.map { "\($0.amounts)" } ?? "nothing"
                world.violate(.claimsAreLive, "\(guest.id) is here, takes \(own) and claims \(claimed)")
            }
        }
    }
}
