// SPDX-License-Identifier: Apache-2.0

internal import ComputeModel
internal import Metrics
internal import WorkerStore

/// Says that the manager lives. Nova: `report_state`.
///
/// Nova writes the time into its database, which a worker has none of; here it is the gauge `compute_heartbeat`, in
/// seconds since 1970, which is as old as the last time that journal and disk took a write.
struct Heartbeat: PeriodicTask {
    let surroundings: PeriodicSurroundings

    var name: String { "report_state" }
    var option: String { "report_interval" }
    var interval: Duration? { surroundings.configuration.heartbeatInterval }
    var beginsAtOnce: Bool { true }

    func run() async throws -> PeriodicResult {
        try await surroundings.services.store.probe()
        let now = surroundings.services.events.clock.now()
        Gauge(label: "compute_heartbeat").record(now.microseconds / 1_000_000)
        return PeriodicResult(1, "alive")
    }
}
