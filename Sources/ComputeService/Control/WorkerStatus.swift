// SPDX-License-Identifier: Apache-2.0

internal import ComputeModel

/// How a running worker fares, as it tells of itself.
struct WorkerStatus: Sendable, Hashable {
    var host: String
    var processID: Int
    /// Whether it takes casts and can tell of them.
    var isReady: Bool
    /// Why it is not ready; empty for one that is.
    var reasons: [String]
    /// What an operator should know all the same.
    var warnings: [String]
    /// Why nothing that needs the hypervisor is done, though casts are taken in.
    var hypervisorOutage: HypervisorOutage?
    /// When it became ready, or ceased to be.
    var since: Timestamp
    /// Operations that run.
    var running: Int
    /// Requests that wait for their turn.
    var waiting: Int
    /// Messages that wait for the broker.
    var outbox: Int
    /// What is set aside, each in words: records that the disk has damaged.
    var quarantined: [String]
    var resources = HostShares()

    /// Whether casts are taken in, done and told of.
    var isWorking: Bool { isReady && hypervisorOutage == nil }

    var json: JSONValue {
        [
            "host": .string(host), "pid": JSONValue(processID), "ready": .bool(isReady),
            "working": .bool(isWorking), "hypervisor_outage": hypervisorOutage?.json ?? .null,
            "reasons": .array(reasons.map { .string($0) }),
            "warnings": .array(warnings.map { .string($0) }), "since": .string(since.iso),
            "running": JSONValue(running), "waiting": JSONValue(waiting), "outbox": JSONValue(outbox),
            "quarantined": .array(quarantined.map { .string($0) }), "resources": resources.json,
        ]
    }
}

extension WorkerStatus {
    init?(json: JSONValue) {
        guard let host = json["host"]?.string, let isReady = json["ready"]?.bool,
            let since = json["since"]?.string.flatMap({ Timestamp($0) })
        else { return nil }
        self.init(
            host: host, processID: json["pid"]?.int ?? 0, isReady: isReady,
            reasons: (json["reasons"]?.array ?? []).compactMap(\.string),
            warnings: (json["warnings"]?.array ?? []).compactMap(\.string),
            hypervisorOutage: HypervisorOutage(json: json["hypervisor_outage"]), since: since,
            running: json["running"]?.int ?? 0, waiting: json["waiting"]?.int ?? 0, outbox: json["outbox"]?.int ?? 0,
            quarantined: (json["quarantined"]?.array ?? []).compactMap(\.string),
            resources: json["resources"].map { HostShares(json: $0) } ?? HostShares())
    }
}
