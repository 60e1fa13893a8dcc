// SPDX-License-Identifier: Apache-2.0

internal import ComputeDriver
internal import ComputeModel
internal import WorkerStore

/// What went through an instance's interfaces in this audit period and in the one before, as its row keeps it.
///
/// The row keeps the counters as they were read last beside the sums, in one commit: a worker that dies in between
/// counts nothing twice, and the next one goes on where it was.
struct BandwidthUsage: Sendable, Hashable {
    static let key = "bandwidth"

    /// What went through one interface in one period.
    struct Amount: Sendable, Hashable {
        var received: Int
        var sent: Int

        static let zero = Amount(received: 0, sent: 0)
    }

    fileprivate struct Line: Sendable, Hashable {
        let macAddress: String
        /// The network's, as of the last reading: it is told after the interface has gone, too.
        var label: String
        /// Which start of the guest the counters are of.
        var boot: String
        var counters: Amount
        var period: Timestamp
        var used: Amount
        var periodBefore: Timestamp?
        var usedBefore: Amount
    }

    private var lines: [Line]

    init(of row: StoredInstance) {
        lines = row.details[Self.key]?.object?.members.compactMap { Line($0.key, $0.value) } ?? []
    }

    /// As the row keeps it; nil where nothing was counted.
    var json: JSONValue? {
        guard !lines.isEmpty else { return nil }
        var object = JSONObject(minimumCapacity: lines.count)
        for line in lines { object[line.macAddress] = line.json }
        return .object(object)
    }

    /// Counts what went through since the last reading.
    ///
    /// - Parameters:
    ///   - boot: what changes when the guest's counters begin anew; the counters may have passed their old values since.
    ///   - period: when the audit period of this moment began.
    ///   - countsFirst: whether the counters of an interface that was never read before are what the instance used; else
    ///     they may be of another time, and are only noted.
    mutating func add(
        _ readings: [InterfaceUsage], boot: String, labels: [String: String], period: Timestamp, countsFirst: Bool
    ) {
        let isNew = lines.isEmpty
        for reading in readings {
            let address = reading.macAddress.lowercased()
            let counters = Amount(received: Int(reading.received.bytes), sent: Int(reading.sent.bytes))
            guard let index = lines.firstIndex(where: { $0.macAddress == address }) else {
                lines.append(
                    Line(
                        macAddress: address, label: labels[address] ?? Self.label(withoutNetwork: address), boot: boot,
                        counters: counters, period: period, used: countsFirst || !isNew ? counters : .zero,
                        periodBefore: nil, usedBefore: .zero))
                continue
            }
            lines[index].add(counters, boot: boot, period: period)
            if let label = labels[address] { lines[index].label = label }
        }
        // An interface that is gone is told for as long as anybody asks after its period.
        let oldest = lines.compactMap(\.periodBefore).max() ?? period
        lines.removeAll { $0.period < oldest && labels[$0.macAddress] == nil }
    }

    /// Nova's `bandwidth` of an event: by the networks' labels. Several interfaces of one network are summed.
    func told(inPeriod beginning: Timestamp) -> JSONObject {
        var sums = JSONObject()
        for line in lines {
            guard let amount = line.amount(inPeriod: beginning) else { continue }
            sums[line.label] = [
                "bw_in": JSONValue((sums[line.label]?["bw_in"]?.int ?? 0) + amount.received),
                "bw_out": JSONValue((sums[line.label]?["bw_out"]?.int ?? 0) + amount.sent),
            ]
        }
        return sums
    }

    /// The same of all periods that are kept, each by the microsecond of its beginning: for an instance that goes.
    var toldByPeriod: JSONObject {
        var periods = JSONObject()
        for period in Set(lines.map(\.period) + lines.compactMap(\.periodBefore)).sorted() {
            periods[Self.name(of: period)] = .object(told(inPeriod: period))
        }
        return periods
    }

    static func name(of period: Timestamp) -> String { String(period.microseconds) }

    /// Nova's label of an interface whose network is not known.
    private static func label(withoutNetwork address: String) -> String { "net-name-not-found-\(address)" }

    /// The labels of an instance's networks by the addresses of its interfaces.
    static func labels(_ networkInfo: [JSONValue]) -> [String: String] {
        var labels: [String: String] = [:]
        for interface in networkInfo {
            guard let address = interface["address"]?.string, let label = interface["network"]?["label"]?.string else {
                continue
            }
            labels[address.lowercased()] = label
        }
        return labels
    }
}

extension BandwidthUsage.Line {
    fileprivate mutating func add(_ read: BandwidthUsage.Amount, boot: String, period: Timestamp) {
        let isAnew = boot != self.boot || read.received < counters.received || read.sent < counters.sent
        let base = isAnew ? .zero : counters
        // A clock that was set back goes on with the period that it had reached.
        if period > self.period {
            (periodBefore, usedBefore) = (self.period, used)
            (self.period, used) = (period, .zero)
        }
        used.received += read.received - base.received
        used.sent += read.sent - base.sent
        (self.boot, counters) = (boot, read)
    }

    fileprivate func amount(inPeriod beginning: Timestamp) -> BandwidthUsage.Amount? {
        if beginning == period { return used }
        return beginning == periodBefore ? usedBefore : nil
    }

    fileprivate init?(_ address: String, _ json: JSONValue) {
        guard let label = json["label"]?.string, let boot = json["boot"]?.string,
            let counters = BandwidthUsage.Amount(json["counters"]), let period = json["period"]?.int,
            let used = BandwidthUsage.Amount(json["used"])
        else { return nil }
        self.init(
            macAddress: address, label: label, boot: boot, counters: counters,
            period: Timestamp(microseconds: Int64(period)), used: used,
            periodBefore: json["period_before"]?.int.map { Timestamp(microseconds: Int64($0)) },
            usedBefore: BandwidthUsage.Amount(json["used_before"]) ?? .zero)
    }

    fileprivate var json: JSONValue {
        var fields: JSONObject = [
            "label": .string(label), "boot": .string(boot), "counters": counters.json,
            "period": JSONValue(Int(period.microseconds)), "used": used.json,
        ]
        if let periodBefore {
            fields["period_before"] = JSONValue(Int(periodBefore.microseconds))
            fields["used_before"] = usedBefore.json
        }
        return .object(fields)
    }
}

extension BandwidthUsage.Amount {
    fileprivate init?(_ json: JSONValue?) {
        guard let pair = json?.array, pair.count == 2, let received = pair[0].int, let sent = pair[1].int else {
            return nil
        }
        self.init(received: received, sent: sent)
    }

    fileprivate var json: JSONValue { [JSONValue(received), JSONValue(sent)] }
}
