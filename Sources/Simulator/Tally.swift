// SPDX-License-Identifier: Apache-2.0

internal import FoundationEssentials

/// What many histories came to together; parts of it are made by different processes and added up.
public struct Tally: Codable, Sendable {
    /// A history that broke a promise.
    public struct Failure: Codable, Sendable {
        public let seed: UInt64
        public let text: String
    }

    public private(set) var seeds = 0
    public private(set) var steps = 0
    public private(set) var wishes = 0
    public private(set) var lives = 0
    public private(set) var damaged = 0
    public private(set) var refused = 0
    public private(set) var simulatedSeconds = 0.0
    public private(set) var faults: [String: Int] = [:]
    public private(set) var crashPlaces: [String: Int] = [:]
    public private(set) var resumed: [String: Int] = [:]
    public private(set) var ended: [String: Int] = [:]
    public private(set) var tasks: [String: Int] = [:]
    public private(set) var failures: [Failure] = []

    public init() {}

    public mutating func add(_ outcome: Outcome) {
        seeds += 1
        steps += outcome.steps
        wishes += outcome.wishes
        lives += outcome.lives
        if outcome.isDamaged { damaged += 1 }
        if outcome.isBeyondUse { refused += 1 }
        simulatedSeconds += outcome.duration / .seconds(1)
        for (kind, count) in outcome.faults { faults[kind.rawValue, default: 0] += count }
        crashPlaces.merge(outcome.crashPlaces) { $0 + $1 }
        resumed.merge(outcome.resumed) { $0 + $1 }
        ended.merge(outcome.ended) { $0 + $1 }
        tasks.merge(outcome.tasks) { $0 + $1 }
        if let first = outcome.violations.first { failures.append(Failure(seed: outcome.seed, text: "\(first)")) }
    }

    public mutating func add(_ other: Tally) {
        seeds += other.seeds
        steps += other.steps
        wishes += other.wishes
        lives += other.lives
        damaged += other.damaged
        refused += other.refused
        simulatedSeconds += other.simulatedSeconds
        faults.merge(other.faults) { $0 + $1 }
        crashPlaces.merge(other.crashPlaces) { $0 + $1 }
        resumed.merge(other.resumed) { $0 + $1 }
        ended.merge(other.ended) { $0 + $1 }
        tasks.merge(other.tasks) { $0 + $1 }
        failures += other.failures
    }

    public func count(_ kind: FaultKind) -> Int { faults[kind.rawValue, default: 0] }

    /// One line of JSON.
    public func encoded() throws -> String { String(decoding: try JSONEncoder().encode(self), as: UTF8.self) }

    public static func decode(_ line: String) throws -> Tally {
        try JSONDecoder().decode(Tally.self, from: Data(line.utf8))
    }

    /// The table that a run ends with.
    public func table() -> String {
        func row(_ name: String, _ count: Int) -> String {
            "  \(name.padding(to: 56)) \(count)"
        }
        var lines = ["faults"]
        lines += FaultKind.allCases.map { row($0.rawValue, count($0)) }
        lines.append("where a crash fell")
        lines += crashPlaces.sorted { ($1.value, $0.key) < ($0.value, $1.key) }.map { row($0.key, $0.value) }
        lines.append("how operations ended")
        lines += ended.sorted { $0.key < $1.key }.map { row($0.key, $0.value) }
        lines.append("what the worker did by itself")
        lines += tasks.sorted { $0.key < $1.key }.map { row($0.key, $0.value) }
        lines.append("what was taken up again after a crash, by operation and step")
        lines += Coverage.pairs.map { row($0.name, resumed[$0.name, default: 0]) }
        lines.append("in all")
        lines += [
            row("histories", seeds), row("steps", steps), row("wishes of clients", wishes),
            row("lives of the worker", lives), row("simulated hours", Int(simulatedSeconds / 3600)),
            row("journals with something set aside", damaged),
            row("journals refused in words, after a flipped bit", refused),
            row("histories that broke a promise", failures.count),
        ]
        return lines.joined(separator: "\n")
    }
}

extension String {
    fileprivate func padding(to width: Int) -> String {
        self + String(repeating: " ", count: max(0, width - count))
    }
}
