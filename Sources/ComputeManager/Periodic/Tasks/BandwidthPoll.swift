// SPDX-License-Identifier: Apache-2.0

internal import ComputeDriver
internal import ComputeModel
internal import WorkerStore

/// Counts what goes through the instances' interfaces, for their events. Nova: `_poll_bandwidth_usage`.
///
/// A guest's counters go with its process: what went through between the last reading and the guest's end is counted
/// by nobody. All else is counted once, over restarts of guests and of the worker.
struct BandwidthPoll: PeriodicTask {
    /// Since when this host's guests are read: what has run for longer brings counters of other times.
    static let mark = "bandwidth-since"

    let surroundings: PeriodicSurroundings

    var name: String { "poll_bandwidth_usage" }
    var option: String { "bandwidth_poll_interval" }
    var interval: Duration? { surroundings.configuration.bandwidthInterval }
    var beginsAtOnce: Bool { true }
    var obstacle: String? {
        guard surroundings.services.driver.driver is any BandwidthReportingDriver else {
            return surroundings.obstacle(to: .bandwidth)
        }
        return surroundings.services.encoder.sendsNotifications ? nil : "events are not sent"
    }

    func run() async throws -> PeriodicResult {
        let since = try await beginning()
        // An instance with a task is its operation's, whose guest may just be on its way; it is read when that is over.
        let rows = try await surroundings.rows {
            $0.taskState == nil && $0.vmState != .building && $0.vmState != .deleted
        }
        return try await withThrowingTaskGroup(of: Bool.self) { group in
            var failure: any Error = CancellationError()
            var (counted, failed) = (0, 0)
            for row in rows {
                do {
                    guard let (readings, boot) = try await read(row), !readings.isEmpty else { continue }
                    group.addTask { try await count(row.id, readings, boot: boot, since: since) }
                } catch let fault as ComputeFault where fault.kind != .unavailable {
                    // One that does not answer keeps nobody from reading the others.
                    (failed, failure) = (failed + 1, fault)
                }
            }
            for try await isCounted in group where isCounted { counted += 1 }
            guard failed > 0 else { return PeriodicResult(counted, "\(counted) instances used their networks") }
            throw ComputeFault(
                .unavailable,
                "\(failed) of \(rows.count) guests can't be read: "
                    + ((failure as? ComputeFault)?.message ?? "\(failure)"))
        }
    }

    /// The counters of a guest, and which start of it they are of; nil where it does not run, or was started meanwhile.
    private func read(_ row: StoredInstance) async throws -> (readings: [InterfaceUsage], boot: String)? {
        let driver = surroundings.services.driver
        guard let boot = try await driver.info(row.id)?.bootIdentity else { return nil }
        let readings = try await driver.bandwidth(of: row.instance)
        guard try await driver.info(row.id)?.bootIdentity == boot else { return nil }
        return (readings, "\(surroundings.services.configuration.host) \(boot)")
    }

    /// In the instance's lane, since its operations write the row as they know it.
    private func count(
        _ id: InstanceID, _ readings: [InterfaceUsage], boot: String, since: Timestamp
    ) async throws -> Bool {
        let events = surroundings.services.events
        let period = events.payload.auditPeriod.beginning(of: events.clock.now())
        return try await surroundings.change(id) { change in
            var usage = BandwidthUsage(of: change.row)
            let before = usage
            let isOwn = change.instance.launchedAt.map { $0 >= since } ?? false
            usage.add(
                readings, boot: boot, labels: BandwidthUsage.labels(change.row.networkInfo), period: period,
                countsFirst: isOwn)
            guard usage != before else { return false }
            change.amend { $0.details[BandwidthUsage.key] = usage.json }
            return true
        }
    }

    private func beginning() async throws -> Timestamp {
        let services = surroundings.services
        let known = try await services.read { try $0.mark(Self.mark) }
        if let known, let moment = Int64(known) { return Timestamp(microseconds: moment) }
        let now = services.events.clock.now()
        try await services.write { try $0.setMark(Self.mark, "\(now.microseconds)") }
        return now
    }
}
