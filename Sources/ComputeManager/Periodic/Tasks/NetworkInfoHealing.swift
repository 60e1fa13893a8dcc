// SPDX-License-Identifier: Apache-2.0

internal import ComputeModel
internal import Synchronization
internal import WorkerStore

/// Asks the network service what one instance has, another one each time. Nova: `_heal_instance_info_cache`.
final class NetworkInfoHealing: PeriodicTask {
    private let surroundings: PeriodicSurroundings
    private let last = Mutex<InstanceID?>(nil)

    init(_ surroundings: PeriodicSurroundings) { self.surroundings = surroundings }

    var name: String { "heal_instance_info_cache" }
    var option: String { "heal_instance_info_cache_interval" }
    var interval: Duration? { surroundings.configuration.healInterval }
    var obstacle: String? {
        surroundings.services.peers.asked.contains(.network) ? nil : "there is no network service to ask"
    }

    func run() async throws -> PeriodicResult {
        // By id, and after the last the first again.
        let rows = try await surroundings.rows {
            $0.vmState != .building && $0.vmState != .deleted && $0.taskState == nil
        }
        let previous = last.withLock { $0?.description }
        guard let row = rows.first(where: { row in previous.map { row.id.description > $0 } ?? true }) ?? rows.first
        else { return PeriodicResult(0, "no instance") }
        last.withLock { $0 = row.id }
        let info = try await surroundings.services.askedPeers.network.networkInfo(
            of: row.instance, context: surroundings.context)
        guard info != row.networkInfo else { return PeriodicResult(1, "\(row.id): as known") }
        let isChanged = try await surroundings.change(row.id) { change in
            // An operation came first: it knows better.
            guard change.row.networkInfo == row.networkInfo, change.instance.taskState == nil else { return false }
            change.amend { $0.networkInfo = info }
            return true
        }
        return PeriodicResult(1, "\(row.id): \(isChanged ? "refreshed" : "left to an operation")")
    }
}
