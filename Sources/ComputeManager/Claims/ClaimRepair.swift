// SPDX-License-Identifier: Apache-2.0

internal import ComputeModel
internal import Logging
internal import Metrics
internal import WorkerStore

/// Makes the claims agree with the instances, at the start and before any work: a claim without an instance is struck,
/// an instance without a claim (one of an earlier version's, or of a damaged record) gets one.
struct ClaimRepair: Sendable {
    let services: ManagerServices

    func run() async throws {
        let host = services.configuration.host
        let store = services.store
        let (struck, made) = try await services.write { transaction in
            var (struck, made): ([InstanceID], [InstanceID]) = ([], [])
            let rows = try transaction.instances()
            let resources = Set(try transaction.resources().map(\.instance))
            let known = Set(rows.filter { !$0.isHandedBack && $0.instance.vmState != .deleted }.map(\.id))
            for key in transaction.claimKeys where !known.contains(key.instance) {
                // What a damaged record stood for may still be here.
                guard !store.isQuarantined(key.instance) else { continue }
                try transaction.releaseClaim(key)
                struck.append(key.instance)
            }
            for row in rows where Self.occupies(row, host: host, hasResources: resources.contains(row.id)) {
                let key = StoredClaim.Key(instance: row.id, purpose: .instance)
                let isMoving = transaction.claimed(StoredClaim.Key(instance: row.id, purpose: .resize)) != nil
                guard transaction.claimed(key) == nil, !isMoving else { continue }
                try transaction.claim(ClaimAmounts(of: row.instance), for: key, limits: .none)
                made.append(row.id)
            }
            return (struck, made)
        }
        for id in struck {
            services.logger.warning(
                "a claim without an instance was given back", metadata: [LogKey.instance: .string("\(id)")])
        }
        if !made.isEmpty {
            services.logger.notice(
                "instances without a claim have one now", metadata: ["count": .stringConvertible(made.count)])
        }
        Counter(label: "compute_claims_struck_total").increment(by: struck.count)
    }

    /// Whether there is, or may be, a guest of that instance on this host. A build that failed and was undone has none,
    /// and its row says nothing of resources.
    private static func occupies(_ row: StoredInstance, host: String, hasResources: Bool) -> Bool {
        guard row.instance.host == host else { return false }
        return switch row.instance.vmState {
        case .deleted?: false
        case .error?, .building?, nil: hasResources
        default: true
        }
    }
}
