// SPDX-License-Identifier: Apache-2.0

import ComputeModel
import Logging
import Synchronization
import Testing

@testable import ComputeManager

@Suite("Periodic tasks", .timeLimit(.minutes(1)))
struct PeriodicTasksTests {
    /// A task that does what a test says, and tells when it runs.
    private final class Chore: PeriodicTask {
        let name: String
        let option = "chore_interval"
        let interval: Duration?
        let obstacle: String?
        let limit = Duration.seconds(5)
        let beginsAtOnce: Bool
        private let body: @Sendable (Int) async throws -> Void
        private let state = Mutex((runs: 0, atOnce: 0, most: 0))
        let runs: AsyncStream<Int>
        private let run: AsyncStream<Int>.Continuation

        init(
            _ name: String, every interval: Duration? = .seconds(10), obstacle: String? = nil, atOnce: Bool = true,
            _ body: @escaping @Sendable (Int) async throws -> Void = { _ in }
        ) {
            self.name = name
            self.interval = interval
            self.obstacle = obstacle
            beginsAtOnce = atOnce
            self.body = body
            (runs, run) = AsyncStream.makeStream()
        }

        var most: Int { state.withLock { $0.most } }
        var count: Int { state.withLock { $0.runs } }

        func run() async throws -> PeriodicResult {
            let number = state.withLock { state in
                state.runs += 1
                state.atOnce += 1
                state.most = max(state.most, state.atOnce)
                return state.runs
            }
            defer { state.withLock { $0.atOnce -= 1 } }
            run.yield(number)
            try await body(number)
            return PeriodicResult(number, "run \(number)")
        }
    }

    private struct Failure: Error, CustomStringConvertible {
        var description: String { "it would not" }
    }

    private func tasks(_ tasks: [Chore], _ clock: ManualClock, fuzzy: Duration = .zero) -> PeriodicTasks {
        PeriodicTasks(
            tasks: tasks, board: PeriodicBoard(wallClock: SystemWallClock(), logger: Logger(label: "test")),
            fuzzyDelay: fuzzy, clock: clock, identifiers: RandomIdentifiers())
    }

    private func running(_ tasks: PeriodicTasks, _ body: @escaping @Sendable () async throws -> Void) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { await tasks.run() }
            try await body()
            group.cancelAll()
        }
    }

    private func status(_ tasks: PeriodicTasks, _ name: String) throws -> PeriodicTaskStatus {
        try #require(tasks.board.statuses.first { $0.name == name })
    }

    @Test("A task runs at its interval, and its last and next run, duration and outcome are told")
    func visible() async throws {
        let clock = ManualClock()
        let chore = Chore("chore")
        let tasks = tasks([chore], clock)
        try await running(tasks) {
            await clock.sleeper(for: .seconds(10))
            let first = try status(tasks, "chore")
            #expect(first.state == .waiting && first.runs == 1 && first.failures == 0)
            #expect(first.last?.outcome == .ok && first.last?.words == "run 1" && first.last?.duration == .zero)
            #expect(first.nextAt != nil && first.interval == .seconds(10))
            clock.advance(by: .seconds(10))
            await clock.sleeper(for: .seconds(10))
            #expect(try status(tasks, "chore").runs == 2)
        }
    }

    @Test("A task that fails is told as failed, runs again in its time, and stops no other")
    func failing() async throws {
        let clock = ManualClock()
        let bad = Chore("bad", every: .seconds(7)) { _ in throw Failure() }
        let good = Chore("good")
        let tasks = tasks([bad, good], clock)
        try await running(tasks) {
            await clock.sleeper(for: .seconds(7))
            await clock.sleeper(for: .seconds(10))
            clock.advance(by: .seconds(7))
            await clock.sleeper(for: .seconds(7))
            let status = try status(tasks, "bad")
            #expect(status.runs == 2 && status.failures == 2 && status.last?.outcome == .failed)
            #expect(status.last?.words == "it would not")
            #expect(try self.status(tasks, "good").last?.outcome == .ok)
        }
    }

    @Test("A run that goes on too long is cancelled and told as overdue; another one does not begin beside it")
    func overdue() async throws {
        let clock = ManualClock()
        let chore = Chore("slow") { number in
            if number == 1 { try await clock.sleep(for: .seconds(3600)) }
        }
        let tasks = tasks([chore], clock)
        try await running(tasks) {
            await clock.sleeper(for: .seconds(5))
            guard case .running = try status(tasks, "slow").state else {
                Issue.record("not told as running")
                return
            }
            clock.advance(by: .seconds(5))
            await clock.sleeper(for: .seconds(10))
            let status = try status(tasks, "slow")
            #expect(status.last?.outcome == .overdue && status.last?.duration == .seconds(5))
            #expect(status.failures == 1 && chore.most == 1)
            clock.advance(by: .seconds(10))
            await clock.sleeper(for: .seconds(10))
            #expect(try self.status(tasks, "slow").last?.outcome == .ok)
        }
    }

    @Test("What the operator has off, and what can't run here, says why and does not run")
    func off() async throws {
        let clock = ManualClock()
        let tasks = tasks(
            [Chore("off", every: nil), Chore("impossible", obstacle: "the driver has no wings"), Chore("on")], clock)
        try await running(tasks) {
            await clock.sleeper(for: .seconds(10))
            #expect(
                tasks.board.statuses.map(\.state) == [
                    .off("chore_interval says so"), .off("the driver has no wings"), .waiting,
                ])
            #expect(tasks.board.statuses.map(\.runs) == [0, 0, 1])
        }
    }

    @Test("The first run is put off by less than the fuzzy delay")
    func fuzzy() async throws {
        let clock = ManualClock()
        let chore = Chore("chore", atOnce: false)
        let tasks = tasks([chore], clock, fuzzy: .seconds(60))
        try await running(tasks) {
            while tasks.board.statuses.first?.nextAt == nil { await Task.yield() }
            #expect(chore.count == 0)
            var ticks = 0
            while chore.count == 0, ticks < 600 {
                clock.advance(by: .milliseconds(100))
                await Task.yield()
                ticks += 1
                if ticks == 600 { clock.advance(by: .seconds(1)) }
            }
            for await _ in chore.runs { break }
        }
    }
}
