// SPDX-License-Identifier: Apache-2.0

/// Reads all guests and has those looked at that differ from their rows. Nova: `_sync_power_states`.
struct PowerStateSync: PeriodicTask {
    let reconciler: Reconciler
    let every: Duration?

    var name: String { "sync_power_states" }
    var option: String { "sync_power_state_interval" }
    var interval: Duration? { every }

    func run() async throws -> PeriodicResult {
        let (guests, differing) = try await reconciler.readGuests()
        return PeriodicResult(differing, "\(guests) guests, \(differing) differ from their instances")
    }
}
