// SPDX-License-Identifier: Apache-2.0

internal import ComputeModel
public import CoreMetrics
internal import Synchronization

/// Keeps every metric of the process in memory, for the report that an operator asks for.
///
/// The rooms count through swift-metrics and know nothing of this; a process that wants another backend puts it in its
/// place.
public final class MetricsRegistry: MetricsFactory {
    private let series = Mutex<[String: Series]>([:])

    public init() {}

    /// All series in the order of their names.
    public func snapshot() -> JSONValueText {
        var object = JSONObject()
        let all = series.withLock { $0 }
        for (name, series) in all.sorted(by: { $0.key < $1.key }) { object[name] = series.json }
        return JSONValueText(text: JSONWriter.text(.object(object)))
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
        let suffix = dimensions.sorted { $0.0 < $1.0 }.map { "\($0.0)=\($0.1)" }.joined(separator: ",")
        let name = suffix.isEmpty ? label : "\(label){\(suffix)}"
        return series.withLock { all in
            if let known = all[name] { return known }
            let made = Series(isGauge: isGauge)
            all[name] = made
            return made
        }
    }
}

/// A JSON document as text.
public struct JSONValueText: Sendable, CustomStringConvertible {
    let text: String
    public var description: String { text }
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

    var json: JSONValue {
        func number(_ value: Double) -> JSONValue {
            if let whole = Int(exactly: value) { return .number(JSONNumber(whole)) }
            return JSONNumber(value).map { .number($0) } ?? .null
        }
        switch value.withLock({ $0 }) {
        case .unset: return .null
        case .sum(let value), .level(let value): return number(value)
        case .recorded(let count, let sum, let maximum):
            return ["count": .number(JSONNumber(count)), "sum": number(sum), "maximum": number(maximum)]
        }
    }
}
