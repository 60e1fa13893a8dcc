// SPDX-License-Identifier: Apache-2.0

internal import ComputeDriver
internal import ComputeModel
internal import Logging
internal import Metrics
internal import Synchronization
internal import WorkerStore

/// Asks the hypervisor what the host has, and holds it against what is claimed. Nova: `update_available_resource`.
final class ResourceAudit: PeriodicTask {
    private let surroundings: PeriodicSurroundings
    /// Processors that run for nobody's claim, as told last.
    private let foreign = Mutex(0)

    init(_ surroundings: PeriodicSurroundings) { self.surroundings = surroundings }

    var name: String { "update_available_resource" }
    var option: String { "update_resources_interval" }
    var interval: Duration? { surroundings.configuration.resourceInterval }
    var beginsAtOnce: Bool { true }

    func run() async throws -> PeriodicResult {
        let services = surroundings.services
        let resources = try await services.driver.hostResources()
        services.capacity.note(resources)
        let total = ClaimAmounts(of: resources)
        let claimed = services.store.levels.claimed
        Self.measure("total", total)
        Self.measure("claimed", claimed)
        Self.measure(
            "used",
            ClaimAmounts(
                vcpus: resources.vcpusUsed, memoryMiB: resources.memoryUsed.mib, diskGiB: resources.diskUsed.gib))
        let others = max(0, resources.vcpusUsed - claimed.vcpus)
        let isNews = foreign.withLock { known in
            defer { known = others }
            return known != others
        }
        if others > 0, isNews {
            services.logger.warning(
                "guests use the host that no claim is for", metadata: ["vcpus": .stringConvertible(others)])
        }
        return PeriodicResult(
            1,
            "claimed \(claimed.vcpus) of \(total.vcpus) vcpus, \(claimed.memoryMiB) of \(total.memoryMiB) MiB, "
                + "\(claimed.diskGiB) of \(total.diskGiB) GiB" + (others > 0 ? "; \(others) vcpus are others'" : ""))
    }

    private static func measure(_ kind: String, _ amounts: ClaimAmounts) {
        Gauge(label: "compute_host_vcpus", dimensions: [("kind", kind)]).record(amounts.vcpus)
        Gauge(label: "compute_host_memory_mib", dimensions: [("kind", kind)]).record(amounts.memoryMiB)
        Gauge(label: "compute_host_disk_gib", dimensions: [("kind", kind)]).record(amounts.diskGiB)
    }
}
