// SPDX-License-Identifier: Apache-2.0

internal import ComputeDriver
internal import ComputeModel
internal import Metrics
internal import Synchronization

/// Tells all schedulers what the host has. Nova: `_publish_service_capabilities`, `_report_driver_status`.
///
/// Not through the outbox: the next report makes this one worthless, and one that is lost is counted.
final class CapabilitiesReport: PeriodicTask {
    /// How long a report waits for a broker.
    private static let patience = Duration.seconds(10)

    private let surroundings: PeriodicSurroundings
    private let known = Mutex<(statistics: HostStatistics, at: Timestamp)?>(nil)

    init(_ surroundings: PeriodicSurroundings) { self.surroundings = surroundings }

    var name: String { "publish_service_capabilities" }
    var option: String { "scheduler_reports" }
    var interval: Duration? { surroundings.configuration.reportInterval }
    var obstacle: String? {
        surroundings.services.driver.driver is any HostStatisticsDriver
            ? nil : surroundings.obstacle(to: .hostStatistics)
    }

    func run() async throws -> PeriodicResult {
        let services = surroundings.services
        let statistics = try await statistics()
        let host = services.configuration.host
        let message = services.encoder.fanout(
            OutgoingCast(
                form: surroundings.configuration.isEnveloped ? .enveloped : .flat,
                topic: services.configuration.schedulerTopic, method: "update_service_capabilities",
                version: "2.0",
                arguments: [
                    "service_name": "compute", "host": .string(host),
                    "capabilities": .object(capabilities(statistics)),
                ],
                context: surroundings.context, uniqueID: services.identifiers.next()))
        let failure: String? = await withTaskGroup(of: String?.self) { group in
            group.addTask {
                do throws(DeliveryFailure) {
                    try await services.sink.publish(message)
                    return nil
                } catch {
                    return "\(error)"
                }
            }
            group.addTask {
                await services.clock.paused(for: Self.patience)
                return "the broker did not confirm it in \(Self.patience.components.seconds) s"
            }
            defer { group.cancelAll() }
            return await group.next() ?? nil
        }
        guard let failure else { return PeriodicResult(1, "told") }
        Counter(label: "compute_capabilities_lost_total").increment()
        throw ComputeFault(.unavailable, "The report was lost: \(failure).")
    }

    private func statistics() async throws -> HostStatistics {
        let now = surroundings.services.events.clock.now()
        let age = surroundings.configuration.hostStateInterval.components.seconds
        if let known = known.withLock({ $0 }), known.at <= now, now < known.at.advanced(bySeconds: age) {
            return known.statistics
        }
        let statistics = try await surroundings.services.driver.hostStatistics()
        known.withLock { $0 = (statistics, now) }
        return statistics
    }

    /// Nova's keys, which are those of its libvirt driver: memory in MiB, disks in GiB, whatever the driver.
    private func capabilities(_ statistics: HostStatistics) -> JSONObject {
        let resources = statistics.resources
        return [
            "vcpus": JSONValue(resources.vcpus), "vcpus_used": JSONValue(resources.vcpusUsed),
            "cpu_info": .object(statistics.cpuInfo), "disk_total": JSONValue(resources.disk.gib),
            "disk_used": JSONValue(resources.diskUsed.gib), "disk_available": JSONValue(statistics.diskAvailable.gib),
            "host_memory_total": JSONValue(resources.memory.mib),
            "host_memory_free": JSONValue(statistics.memoryFree.mib),
            "hypervisor_type": .string(resources.hypervisorType),
            "hypervisor_version": JSONValue(resources.hypervisorVersion),
            "hypervisor_hostname": .string(resources.hypervisorHostname),
            "supported_instances": .array(
                statistics.supportedInstances.map {
                    .array([.string($0.architecture), .string($0.hypervisor), .string($0.mode)])
                }),
            "host_ip": .string(surroundings.configuration.hostAddress),
        ]
    }
}
