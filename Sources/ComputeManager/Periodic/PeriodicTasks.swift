// SPDX-License-Identifier: Apache-2.0

internal import ComputeModel

/// Runs the periodic tasks: each by itself, never twice at once, and none for longer than its limit; one that fails
/// stops no other.
struct PeriodicTasks: Sendable {
    let tasks: [any PeriodicTask]
    let board: PeriodicBoard
    /// The longest that a first run is put off: so many hosts that start together don't ask together.
    let fuzzyDelay: Duration
    let clock: any Clock<Duration>
    let identifiers: any IdentifierSource

    /// Until its task is cancelled; at once where none is to run.
    func run() async {
        await withDiscardingTaskGroup { group in
            for task in tasks where board.add(task) {
                guard let interval = task.interval else { continue }
                let delay = task.beginsAtOnce ? .zero : firstDelay
                group.addTask { await self.keepRunning(task, every: interval, after: delay) }
            }
        }
    }

    private var firstDelay: Duration {
        let milliseconds = UInt64(max(0, fuzzyDelay / .milliseconds(1)))
        return milliseconds == 0 ? .zero : .milliseconds(Int64(identifiers.next().low % milliseconds))
    }

    private func keepRunning(_ task: any PeriodicTask, every interval: Duration, after delay: Duration) async {
        var pause = delay
        while true {
            board.plan(task.name, in: pause)
            if pause > .zero, await !clock.paused(for: pause) { return }
            await runOnce(task)
            if Task.isCancelled { return }
            pause = interval
        }
    }

    private enum Ending: Sendable {
        case done(PeriodicTaskStatus.Outcome, String)
        case overdue, quiet
    }

    func runOnce(_ task: any PeriodicTask) async {
        let begunAt = board.begin(task.name)
        var ending: (PeriodicTaskStatus.Outcome, String)?
        let duration = await clock.measure {
            ending = await withTaskGroup(of: Ending.self) { group in
                group.addTask {
                    do {
                        return .done(.ok, try await task.run().words)
                    } catch {
                        return .done(.failed, (error as? ComputeFault)?.message ?? "\(error)")
                    }
                }
                group.addTask { await self.clock.paused(for: task.limit) ? .overdue : .quiet }
                var isOverdue = false
                while let next = await group.next() {
                    switch next {
                    case .quiet: break
                    case .overdue:
                        isOverdue = true
                        group.cancelAll()
                    case .done(let outcome, let words):
                        group.cancelAll()
                        let seconds = task.limit.components.seconds
                        return isOverdue ? (.overdue, "not done within \(seconds) s") : (outcome, words)
                    }
                }
                return nil
            }
        }
        let (outcome, words) = ending ?? (.failed, "nothing came of it")
        if Task.isCancelled, outcome == .failed { return }
        board.end(
            task.name,
            PeriodicTaskStatus.Run(begunAt: begunAt, duration: duration, outcome: outcome, words: words))
    }
}
