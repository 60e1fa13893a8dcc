// SPDX-License-Identifier: Apache-2.0

public import CoreMetrics
internal import Synchronization

/// Keeps every metric of the process in memory, for the report that an operator asks for.
///
/// The rooms count through swift-metrics and know nothing of this; a process that wants another backend puts it in its
/// place.
public final class MetricsRegistry: MetricsFactory {
    private let series = Mutex<[SeriesKey: Series]>([:])

    public init() {}

    /// All series in the order of their names, in the text format that Prometheus' collectors read.
    public var text: String {
        let all = series.withLock { $0 }
        return all.sorted { $0.key < $1.key }.flatMap { key, series in
            series.values.map { suffix, value in "\(key.name)\(suffix)\(key.labels) \(value)\n" }
        }.joined()
    }

    public func makeCounter(label: String, dimensions: [(String, String)]) -> any CounterHandler {
        find(label, dimensions)
    }

    public func makeFloatingPointCounter(
        label: String, dimensions: [(String, String)]
    ) -> any FloatingPointCounterHandler {
        find(label, dimensions)
    }

    public func makeMeter(label: String, dimensions: [(String, String)]) -> any MeterHandler {
        find(label, dimensions)
    }

    public func makeRecorder(label: String, dimensions: [(String, String)], aggregate: Bool) -> any RecorderHandler {
        // swift-metrics' gauges are recorders that do not aggregate.
        find(label, dimensions, isGauge: !aggregate)
    }

    public func makeTimer(label: String, dimensions: [(String, String)]) -> any TimerHandler {
        find(label, dimensions)
    }

    // A series lives as long as the process: forgetting one would forget what was counted.
    public func destroyCounter(_ handler: any CounterHandler) {}
    public func destroyFloatingPointCounter(_ handler: any FloatingPointCounterHandler) {}
    public func destroyMeter(_ handler: any MeterHandler) {}
    public func destroyRecorder(_ handler: any RecorderHandler) {}
    public func destroyTimer(_ handler: any TimerHandler) {}

    private func find(_ label: String, _ dimensions: [(String, String)], isGauge: Bool = false) -> Series {
        let labels = dimensions.sorted { $0.0 < $1.0 }.map { name, value in
            let escaped = value.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"").replacing("\n", with: "\\n")
            return "\(name)=\"\(escaped)\""
        }
        let key = SeriesKey(name: label, labels: labels.isEmpty ? "" : "{\(labels.joined(separator: ","))}")
        return series.withLock { all in
            if let known = all[key] { return known }
            let made = Series(isGauge: isGauge)
            all[key] = made
            return made
        }
    }
}

/// What tells one series from another.
private struct SeriesKey: Hashable, Comparable {
    let name: String
    let labels: String

    static func < (left: SeriesKey, right: SeriesKey) -> Bool {
        (left.name, left.labels) < (right.name, right.labels)
    }
}

/// One metric: a sum for counters, the last value for meters, count, sum and maximum for what is recorded.
private final class Series: CounterHandler, FloatingPointCounterHandler, MeterHandler, RecorderHandler, TimerHandler {
    private enum Value {
        case unset
        case sum(Double)
        case level(Double)
        case recorded(count: Int, sum: Double, maximum: Double)
    }

    private let isGauge: Bool
    private let value = Mutex<Value>(.unset)

    init(isGauge: Bool) { self.isGauge = isGauge }

    func increment(by amount: Int64) { increment(by: Double(amount)) }

    func increment(by amount: Double) {
        value.withLock { value in
            if case .sum(let sum) = value { value = .sum(sum + amount) } else { value = .sum(amount) }
        }
    }

    func reset() { value.withLock { $0 = .sum(0) } }

    func set(_ level: Int64) { set(Double(level)) }

    func set(_ level: Double) { value.withLock { $0 = .level(level) } }

    func decrement(by amount: Double) {
        value.withLock { value in
            if case .level(let level) = value { value = .level(level - amount) } else { value = .level(-amount) }
        }
    }

    func record(_ amount: Int64) { record(Double(amount)) }

    func record(_ amount: Double) {
        value.withLock { value in
            if isGauge {
                value = .level(amount)
                return
            }
            if case .recorded(let count, let sum, let maximum) = value {
                value = .recorded(count: count + 1, sum: sum + amount, maximum: max(maximum, amount))
            } else {
                value = .recorded(count: 1, sum: amount, maximum: amount)
            }
        }
    }

    func recordNanoseconds(_ duration: Int64) { record(Double(duration) / 1e9) }

    /// The values with what their names end in.
    var values: [(suffix: String, value: String)] {
        func number(_ value: Double) -> String { Int(exactly: value).map { String($0) } ?? String(value) }
        switch value.withLock({ $0 }) {
        case .unset: return []
        case .sum(let value), .level(let value): return [("", number(value))]
        case .recorded(let count, let sum, let maximum):
            return [("_count", String(count)), ("_max", number(maximum)), ("_sum", number(sum))]
        }
    }
}
