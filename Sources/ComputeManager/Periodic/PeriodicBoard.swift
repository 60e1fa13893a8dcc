// SPDX-License-Identifier: Apache-2.0

internal import ComputeModel
internal import Logging
internal import Metrics
internal import Synchronization

/// Where each periodic task's last and next run are written down, for whoever asks.
final class PeriodicBoard: Sendable {
    private let state = Mutex<[PeriodicTaskStatus]>([])
    private let wallClock: any WallClock
    private let logger: Logger

    init(wallClock: any WallClock, logger: Logger) {
        self.wallClock = wallClock
        self.logger = logger
    }

    /// In the order in which they were added.
    var statuses: [PeriodicTaskStatus] { state.withLock { $0 } }

    /// Lists a task; whether it is to run.
    @discardableResult
    func add(_ task: any PeriodicTask) -> Bool {
        let reason = task.obstacle ?? (task.interval == nil ? "\(task.option) says so" : nil)
        let status = PeriodicTaskStatus(
            name: task.name, option: task.option, interval: task.interval,
            state: reason.map { .off($0) } ?? .waiting)
        state.withLock { $0.append(status) }
        return reason == nil
    }

    func plan(_ name: String, in pause: Duration) {
        let next = wallClock.now().advanced(bySeconds: pause.components.seconds)
        change(name) { $0.nextAt = next }
    }

    /// A run begins; the moment of it.
    func begin(_ name: String) -> Timestamp {
        let now = wallClock.now()
        change(name) { status in
            status.state = .running(since: now)
            status.nextAt = nil
        }
        return now
    }

    func end(_ name: String, _ run: PeriodicTaskStatus.Run) {
        change(name) { status in
            status.state = .waiting
            status.last = run
            status.runs += 1
            if run.outcome != .ok { status.failures += 1 }
        }
        Timer(
            label: "compute_periodic_seconds", dimensions: [("task", name), ("outcome", run.outcome.rawValue)]
        ).record(duration: run.duration)
        if run.outcome != .ok {
            logger.warning(
                "a periodic task did not do its work; it runs again in its time",
                metadata: ["task": .string(name), LogKey.error: .string(run.words)])
        }
    }

    private func change(_ name: String, _ body: (inout PeriodicTaskStatus) -> Void) {
        state.withLock { list in
            guard let index = list.firstIndex(where: { $0.name == name }) else { return }
            body(&list[index])
        }
    }
}
