// SPDX-License-Identifier: Apache-2.0

internal import ComputeDriver
internal import Metrics
internal import Synchronization

/// The timers of the driver's calls, each made once: finding one costs more than a quick call.
final class DriverMetrics: Sendable {
    private struct Key: Hashable {
        let operation: DriverOperation
        let outcome: String
    }

    private let driver: String
    private let timers = Mutex<[Key: Timer]>([:])

    init(driver: DriverName) { self.driver = driver.rawValue }

    func record(_ operation: DriverOperation, outcome: String, _ elapsed: Duration) {
        let key = Key(operation: operation, outcome: outcome)
        let timer = timers.withLock { timers in
            if let known = timers[key] { return known }
            let made = Timer(
                label: "compute_driver_operation_seconds",
                dimensions: [("driver", driver), ("operation", operation.rawValue), ("outcome", outcome)])
            timers[key] = made
            return made
        }
        timer.record(duration: elapsed)
    }
}
