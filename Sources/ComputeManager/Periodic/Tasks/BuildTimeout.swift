// SPDX-License-Identifier: Apache-2.0

internal import ComputeModel
internal import Logging
internal import WorkerStore

/// Ends builds that go on for too long with an ERROR. Nova: `_check_instance_build_time`.
///
/// A build that is under way is given up and undoes itself; a row that nobody builds any more is changed in its lane.
struct BuildTimeout: PeriodicTask {
    let surroundings: PeriodicSurroundings

    var name: String { "check_instance_build_time" }
    var option: String { "instance_build_timeout" }
    var interval: Duration? { surroundings.configuration.buildTimeout.map { _ in surroundings.configuration.interval } }

    func run() async throws -> PeriodicResult {
        guard let timeout = surroundings.configuration.buildTimeout else { return PeriodicResult(0, "off") }
        @Sendable func isOverdue(_ instance: Instance) -> Bool {
            guard instance.vmState == .building,
                let created = instance.fields["created_at"]?.string.flatMap({ Timestamp($0) })
            else { return false }
            return surroundings.time.age(of: created) >= timeout
        }
        var ended = 0
        for row in try await surroundings.rows(where: isOverdue) {
            let running = surroundings.dispatcher.running.first {
                $0.instance == row.id && $0.method == RunInstance.name.rawValue
            }
            if let running {
                // Its turn may take as long as it takes; whether it has ended is seen by the next run.
                if !running.isEnding { _ = try await surroundings.dispatcher.cancel(running.id) }
                ended += 1
                continue
            }
            let isChanged = try await surroundings.change(row.id) { change in
                guard isOverdue(change.instance) else { return false }
                change.update(elevated: true) { $0.vmState = .error }
                return true
            }
            if isChanged { ended += 1 }
        }
        if ended > 0 {
            surroundings.services.logger.warning(
                "builds took too long", metadata: ["count": .stringConvertible(ended), "option": .string(option)])
        }
        return PeriodicResult(ended, "\(ended) builds ended")
    }
}
