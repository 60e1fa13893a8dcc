// SPDX-License-Identifier: Apache-2.0

import Foundation
import Synchronization
import Testing

@testable import Simulator

@Suite("The seeded executor", .timeLimit(.minutes(1)))
struct SeededExecutorTests {
    /// Runs `body` on one executor and thread, piece by piece as the seed says; what it noted, and what escaped.
    private func run(
        seed: UInt64, _ body: @escaping @Sendable (SimulatedClock, Notes) async -> Void
    ) async -> (notes: [String], foreign: Int) {
        await withCheckedContinuation { continuation in
            // A thread of its own: the executor belongs to the one that makes it.
            Thread.detachNewThread {
                let executor = SeededExecutor()
                let clock = SimulatedClock()
                let notes = Notes()
                let isOver = Mutex(false)
                Task(executorPreference: executor) {
                    await body(clock, notes)
                    isOver.withLock { $0 = true }
                }
                var dice = SeededGenerator(seed: seed)
                while !isOver.withLock({ $0 }) {
                    if executor.count > 0 {
                        executor.run(at: dice.below(executor.count))
                    } else if let moment = clock.nextWakeUp {
                        clock.advance(to: moment)
                    } else {
                        notes.add("stuck")
                        break
                    }
                }
                continuation.resume(returning: (notes.all, executor.foreignCount))
            }
        }
    }

    final class Notes: Sendable {
        private let lines = Mutex<[String]>([])
        var all: [String] { lines.withLock { $0 } }
        func add(_ line: String) { lines.withLock { $0.append(line) } }
    }

    private actor Counter {
        var value = 0
        func add() { value += 1 }
    }

    /// All that the worker's tasks are made of.
    @Sendable
    private static func work(_ clock: SimulatedClock, _ notes: Notes) async {
        let thread = pthread_self()
        @Sendable func here(_ name: String) { notes.add(pthread_self() == thread ? name : "\(name) elsewhere") }
        let counter = Counter()
        await withTaskGroup(of: Void.self) { group in
            for number in 0..<4 {
                group.addImmediateTask {
                    here("immediate \(number)")
                    try? await clock.sleep(for: .seconds(number))
                    here("woken \(number)")
                    await counter.add()
                    here("counted \(number)")
                }
                group.addTask { here("child \(number)") }
            }
        }
        let (stream, continuation) = AsyncStream<Int>.makeStream()
        await withDiscardingTaskGroup { group in
            group.addTask {
                for await value in stream { here("heard \(value)") }
                here("stream ended")
            }
            group.addTask {
                await withTaskCancellationHandler {
                    do { try await clock.sleep(for: .seconds(3600)) } catch { here("cancelled") }
                } onCancel: {
                    here("handler")
                }
            }
            for value in 0..<3 {
                continuation.yield(value)
                async let other: Void = counter.add()
                await other
            }
            continuation.finish()
            group.cancelAll()
        }
        here("counter \(await counter.value)")
    }

    @Test("keeps groups, immediate tasks, actors, streams, clocks and cancellation on one thread")
    func staysThere() async {
        for seed in 0..<20 {
            let (notes, foreign) = await run(seed: UInt64(seed), Self.work)
            #expect(foreign == 0)
            #expect(!notes.contains { $0.hasSuffix("elsewhere") || $0 == "stuck" })
            #expect(notes.last == "counter 7")
            #expect(notes.contains("cancelled") && notes.contains("handler") && notes.contains("stream ended"))
        }
    }

    @Test("A seed is an order, and another seed is another one")
    func seedsDiffer() async {
        let first = await run(seed: 1, Self.work).notes
        #expect(await run(seed: 1, Self.work).notes == first)
        var orders: Set<[String]> = [first]
        for seed in 2..<8 { orders.insert(await run(seed: UInt64(seed), Self.work).notes) }
        #expect(orders.count > 3)
    }

    @Test("What comes from another thread is counted")
    func foreign() async {
        let count = await withCheckedContinuation { continuation in
            Thread.detachNewThread {
                let executor = SeededExecutor()
                let other = Thread { Task(executorPreference: executor) {} }
                other.start()
                while !other.isFinished { sched_yield() }
                while executor.count > 0 { executor.run(at: 0) }
                continuation.resume(returning: executor.foreignCount)
            }
        }
        #expect(count == 1)
    }
}
