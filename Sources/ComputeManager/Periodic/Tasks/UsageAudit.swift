// SPDX-License-Identifier: Apache-2.0

internal import ComputeModel
internal import WorkerStore

/// Tells `compute.instance.exists` of each instance that was used in the last period that is over, those included that
/// were deleted in it. Nova: `_instance_usage_audit`.
///
/// How far it has come stands in the same commit as the events, so that a crash neither loses nor repeats one.
struct UsageAudit: PeriodicTask {
    static let mark = "usage-audit"
    /// Instances that one commit tells of.
    private static let atOnce = 50

    let surroundings: PeriodicSurroundings

    var name: String { "instance_usage_audit" }
    var option: String { "instance_usage_audit" }
    var interval: Duration? { surroundings.configuration.usageAudit ? surroundings.configuration.interval : nil }
    var limit: Duration { .seconds(1800) }
    var obstacle: String? { surroundings.services.encoder.sendsNotifications ? nil : "events are not sent" }

    /// How far a period is told.
    private struct Progress {
        let end: Timestamp
        /// The last instance that was told of; nil where all were.
        let last: String?

        init?(_ text: String?) {
            let parts = text?.split(separator: " ") ?? []
            guard parts.count == 2, let end = Int64(parts[0]) else { return nil }
            self.end = Timestamp(microseconds: end)
            last = parts[1] == "all" ? nil : String(parts[1])
        }
    }

    func run() async throws -> PeriodicResult {
        let services = surroundings.services
        let period = services.events.payload.auditPeriod
        let end = period.beginning(of: services.events.clock.now())
        let beginning = period.beginning(of: Timestamp(microseconds: end.microseconds - 1))
        let progress = Progress(try await services.read { try $0.mark(Self.mark) })
        var last = ""
        if let progress {
            // A clock that was set back tells nothing twice.
            if progress.end > end || progress.end == end && progress.last == nil {
                return PeriodicResult(0, "told until \(progress.end.spaced)")
            }
            if progress.end == end { last = progress.last ?? "" }
        }
        let host = services.configuration.host
        let ids = try await services.read { snapshot in
            let rows = try snapshot.instances().filter { Self.wasUsed($0, on: host, until: end) }
            let ended = try snapshot.ended(from: beginning, until: end)
            return Set(rows.map(\.id.description)).union(ended.map(\.instance.description)).sorted()
        }
        var told = 0
        var rest = ids.filter { $0 > last }[...]
        while !rest.isEmpty {
            try Task.checkCancellation()
            let chunk = Array(rest.prefix(Self.atOnce))
            rest = rest.dropFirst(Self.atOnce)
            told += try await tell(chunk, from: beginning, until: end)
        }
        try await services.write { transaction in
            try transaction.setMark(Self.mark, "\(end.microseconds) all")
            try transaction.forgetEnded(before: end)
        }
        return PeriodicResult(told, "\(told) instances told from \(beginning.spaced) to \(end.spaced)")
    }

    private static func wasUsed(_ row: StoredInstance, on host: String, until end: Timestamp) -> Bool {
        guard row.instance.host == host, row.instance.vmState != .deleted, let launched = row.instance.launchedAt
        else { return false }
        return launched < end
    }

    /// One commit: the events of some instances, and how far that is.
    private func tell(_ ids: [String], from beginning: Timestamp, until end: Timestamp) async throws -> Int {
        let (services, context) = (surroundings.services, surroundings.context)
        let host = services.configuration.host
        return try await services.write { transaction in
            let ids = ids.compactMap { InstanceID($0) }
            guard let first = ids.first, let last = ids.last else { return 0 }
            let ended = try transaction.ended(from: beginning, until: end, among: (first, last))
            var told = 0
            for id in ids {
                var payloads = ended.filter { $0.instance == id }.map(\.payload)
                if let row = try transaction.instance(id), Self.wasUsed(row, on: host, until: end) {
                    payloads.append(services.events.payload.audited(row))
                }
                for payload in payloads {
                    let event = services.events.existence(
                        payload, from: beginning, until: end, context: context)
                    for row in services.encoder.rows(of: event, orderingKey: id.description, instance: id) {
                        try transaction.enqueue(row)
                    }
                    told += 1
                }
            }
            try transaction.setMark(Self.mark, "\(end.microseconds) \(last)")
            return told
        }
    }
}
