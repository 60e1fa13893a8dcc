// SPDX-License-Identifier: Apache-2.0

internal import ComputeDriver
internal import ComputeModel
internal import Logging
internal import Metrics
internal import WorkerStore

/// Looks for guests that run although their instance was deleted on this host. Nova:
/// `_cleanup_running_deleted_instances`.
///
/// What was never ours is never touched: only a delete in the journal's record makes a guest a leftover.
struct RunningDeletedCleanup: PeriodicTask {
    let surroundings: PeriodicSurroundings

    var name: String { "cleanup_running_deleted_instances" }
    var option: String { "running_deleted_instance_action" }
    var interval: Duration? {
        surroundings.configuration.runningDeletedAction == .noop
            ? nil : surroundings.configuration.runningDeletedInterval
    }

    func run() async throws -> PeriodicResult {
        let services = surroundings.services
        let timeout = surroundings.configuration.runningDeletedTimeout
        var leftovers: [InstanceSummary] = []
        for guest in try await services.driver.inventory() where !services.store.mayHold(guest.id) {
            guard let deleted = services.deleted.moment(guest.id), surroundings.time.age(of: deleted) >= timeout
            else { continue }
            leftovers.append(guest)
        }
        Gauge(label: "compute_guests_deleted").record(leftovers.count)
        var reaped = 0
        for guest in leftovers {
            services.logger.warning(
                "a guest is here whose instance was deleted",
                metadata: [
                    LogKey.instance: .string(guest.id.description),
                    "action": .string(surroundings.configuration.runningDeletedAction.rawValue),
                ])
            if surroundings.configuration.runningDeletedAction == .reap, try await reap(guest) { reaped += 1 }
        }
        return PeriodicResult(leftovers.count, "\(leftovers.count) found, \(reaped) removed")
    }

    /// In the lane, so that no build of the same instance is met.
    private func reap(_ guest: InstanceSummary) async throws -> Bool {
        let services = surroundings.services
        let fields: JSONObject = ["uuid": .string(guest.id.description), "name": .string(guest.name)]
        let instance = try Instance(fields: fields)
        let (answers, answer) = AsyncStream<Result<Bool, any Error>>.makeStream()
        surroundings.dispatcher.visit(guest.id) {
            do {
                let isOurs = !services.store.mayHold(guest.id) && services.deleted.moment(guest.id) != nil
                if isOurs {
                    try await services.driver.destroy(instance)
                    try await services.write { transaction in
                        try transaction.strikeResources(of: guest.id)
                        try transaction.releaseClaims(of: guest.id)
                    }
                }
                answer.yield(.success(isOurs))
            } catch {
                answer.yield(.failure(error))
            }
            answer.finish()
        }
        for await result in answers { return try result.get() }
        throw CancellationError()
    }
}
