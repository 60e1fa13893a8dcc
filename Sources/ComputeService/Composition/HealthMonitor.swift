// SPDX-License-Identifier: Apache-2.0

internal import AMQP
internal import ComputeManager
internal import ComputeModel
internal import Logging
internal import Metrics
internal import OsloMessaging
internal import Synchronization

/// Keeps the health of a worker up to date, and tells of every change: in the log and by the gauge `compute_ready`.
final class HealthMonitor: Sendable {
    private struct State: Sendable {
        var health: ServiceHealth
        var since: Timestamp
        var wasEverReady = false
    }

    private let logger: Logger
    private let clock: any WallClock
    private let elapsed: @Sendable () -> Duration
    private let state: Mutex<State>

    /// - Parameters:
    ///   - loopbackLimit: failed probes in a row from which on the worker is not ready.
    ///   - elapsed: the time since the start.
    init(
        host: String, loopbackLimit: Int = LoopbackProbe.Options().failures, clock: any WallClock = SystemWallClock(),
        elapsed: @escaping @Sendable () -> Duration = ContinuousClock().stopwatch, logger: Logger
    ) {
        self.logger = logger
        self.clock = clock
        self.elapsed = elapsed
        var health = ServiceHealth(host: host)
        health.loopbackLimit = loopbackLimit
        state = Mutex(State(health: health, since: clock.now()))
        Gauge(label: "compute_ready").record(0)
    }

    var health: ServiceHealth { state.withLock { $0.health } }

    /// When it became ready, or ceased to be.
    var since: Timestamp { state.withLock { $0.since } }

    /// Changes a part; tells what became of the whole. Any thread.
    func update(_ change: (inout ServiceHealth) -> Void) {
        let now = clock.now()
        // Told under the lock, so that the log has the order of the changes.
        state.withLock { state in
            let before = state.health
            change(&state.health)
            let after = state.health
            guard before != after else { return }
            if before.isReady != after.isReady {
                state.since = now
                Gauge(label: "compute_ready").record(after.isReady ? 1 : 0)
            }
            tell(before, after, isFirst: !state.wasEverReady)
            if after.isReady { state.wasEverReady = true }
        }
    }

    private func tell(_ before: ServiceHealth, _ after: ServiceHealth, isFirst: Bool) {
        if after.isReady, !before.isReady {
            logger.notice(
                isFirst ? "ready" : "ready again",
                metadata: [
                    "host": "\(after.host)", "queues": "\(after.queues.joined(separator: ","))",
                    "after": "\(elapsed())",
                ])
        } else if !after.isReady, after.reasons != before.reasons {
            // On the way up, and when it is told to stop, that is the course of things.
            let isExpected = after.isStopping || isFirst && !after.hasFailed
            logger.log(
                level: isExpected ? .debug : .error, "not ready",
                metadata: ["host": "\(after.host)", "reasons": "\(after.reasons.joined(separator: "; "))"])
        }
        for warning in after.warnings where !before.warnings.contains(warning) { logger.warning("\(warning)") }
        for warning in before.warnings where !after.warnings.contains(warning) {
            logger.notice("over: \(warning)")
        }
    }

    /// Sets the gauge that tells how old the last probe's word is.
    func measure() {
        guard let loopback = health.loopback else { return }
        Gauge(label: "compute_amqp_loopback_age_seconds").record((ContinuousClock.now - loopback.at).components.seconds)
    }

    // MARK: Sources

    /// Follows the connection that consumes, until it is closed for good or the task cancelled.
    ///
    /// - Parameter rival: who else serves the host.
    func followConsuming(_ states: AsyncStream<ConnectionState>, rival: @Sendable () -> HostHolder?) async {
        for await state in states {
            update { health in
                health.consuming = health.consuming.following(state)
                if case .ready(let queues) = state { health.queues = queues }
                if !state.isUp { health.queues = [] }
                // Who holds the host has no rival, whoever hears of that first.
                health.rival = state.isUp ? nil : rival()
            }
        }
    }

    func followPublishing(_ states: AsyncStream<ConnectionState>) async {
        for await state in states { update { $0.publishing = $0.publishing.following(state) } }
    }

    func followNotifying(_ states: AsyncStream<ConnectionState>) async {
        for await state in states { update { $0.notifying = ($0.notifying ?? .starting).following(state) } }
    }

    /// Follows what the driver says of its hypervisor, until the task is cancelled.
    func followHypervisor(_ outages: AsyncStream<String?>) async {
        for await reason in outages {
            let now = clock.now()
            update { health in
                // An attempt that fails for another reason is the same outage.
                health.hypervisorOutage = reason.map { HypervisorOutage(health.hypervisorOutage?.since ?? now, $0) }
            }
        }
    }

    func probed(_ report: LoopbackReport) {
        Counter(label: "compute_amqp_loopback_total", dimensions: [("result", report.result.word)]).increment()
        if let trip = report.roundTrip {
            Metrics.Timer(label: "compute_amqp_loopback_seconds").recordNanoseconds(trip.nanoseconds)
        }
        update { $0.loopback = report }
    }
}

extension Duration {
    fileprivate var nanoseconds: Int64 {
        let (seconds, attoseconds) = components
        return seconds.multipliedReportingOverflow(by: 1_000_000_000).partialValue + attoseconds / 1_000_000_000
    }
}
