// SPDX-License-Identifier: Apache-2.0

internal import Metrics
internal import Synchronization
internal import WorkerStore

/// The counters of ended operations, each made once: finding one costs more than counting.
final class OperationMetrics: Sendable {
    private struct Key: Hashable {
        let operation: String
        let outcome: JournalOutcome
    }

    private let counters = Mutex<[Key: Counter]>([:])

    func count(_ operation: String, _ outcome: JournalOutcome) {
        let key = Key(operation: operation, outcome: outcome)
        let counter = counters.withLock { counters in
            if let known = counters[key] { return known }
            let made = Counter(
                label: "compute_operations_total",
                dimensions: [("operation", operation), ("outcome", outcome.rawValue)])
            counters[key] = made
            return made
        }
        counter.increment()
    }
}
