// SPDX-License-Identifier: Apache-2.0

import Foundation
import Synchronization
import Testing

@testable import Libvirt

/// A gate that blocks threads until it is opened.
private final class Gate: Sendable {
    private let lock = ConditionLock()
    private let open = Mutex(false)
    let arrived = Mutex(0)

    func pass() {
        arrived.withLock { $0 += 1 }
        lock.lock()
        while !open.withLock({ $0 }) { lock.wait() }
        lock.unlock()
    }

    func release() {
        lock.lock()
        open.withLock { $0 = true }
        lock.broadcast()
        lock.unlock()
    }
}

/// A value that several tasks look at.
final class Shared<Value: Sendable>: Sendable {
    private let value: Mutex<Value>
    init(_ value: Value) { self.value = Mutex(value) }
    func withLock<Result: Sendable>(_ body: (inout Value) -> Result) -> Result {
        value.withLock { value in body(&value) }
    }
}

/// Waits for a fact that no event tells of.
func eventually(within limit: Duration = .seconds(20), _ fact: @Sendable () async throws -> Bool) async throws -> Bool {
    let end = ContinuousClock.now + limit
    while ContinuousClock.now < end {
        if try await fact() { return true }
        try await Task.sleep(for: .milliseconds(20))
    }
    return try await fact()
}

@Suite("A call lane", .timeLimit(.minutes(1)))
struct CallLaneTests {
    @Test("runs calls on its own named threads, at most as many as it has")
    func threads() async throws {
        let lane = CallLane(name: "lane-test", threads: 3, spareThreads: 0)
        let names = Shared<Set<String>>([])
        try await withThrowingTaskGroup(of: Void.self) { group async throws in
            for _ in 0..<60 {
                group.addTask {
                    let name = try await lane.run("name", within: .seconds(10)) { () throws(LibvirtError) in
                        usleep(500)
                        return (try? String(contentsOfFile: "/proc/thread-self/comm", encoding: .utf8)) ?? ""
                    }
                    names.withLock { _ = $0.insert(name.trimmingCharacters(in: .newlines)) }
                }
            }
            try await group.waitForAll()
        }
        let seen = names.withLock { $0 }
        #expect(seen.isSubset(of: ["lane-test-1", "lane-test-2", "lane-test-3"]))
        #expect(!seen.isEmpty)
        #expect(lane.statistics.threads <= 3)
        #expect(try await eventually { lane.statistics.running == 0 })
        #expect(lane.statistics.queued == 0)
    }

    @Test("answers an overdue call with a timeout, replaces its thread, and takes it back when the call returns")
    func overdue() async throws {
        let lane = CallLane(name: "overdue", threads: 1, spareThreads: 1)
        let gate = Gate()
        await #expect {
            try await lane.run("hang", within: .seconds(2)) { () throws(LibvirtError) in gate.pass() }
        } throws: {
            guard let error = $0 as? LibvirtError else { return false }
            return error.kind == .timeout && error.isRetriable && error.message.contains("hang did not return")
        }
        #expect(lane.statistics.lost == 1)
        #expect(try await lane.run("next", within: .seconds(10)) { () throws(LibvirtError) in 7 } == 7)
        #expect(lane.statistics.threads == 2)
        gate.release()
        #expect(try await eventually { lane.statistics.lost == 0 && lane.statistics.threads == 1 })
        #expect(try await lane.run("after", within: .seconds(10)) { () throws(LibvirtError) in 8 } == 8)
    }

    @Test("replaces no more lost threads than it has spares for, and says at once that none is left")
    func bound() async throws {
        let lane = CallLane(name: "bound", threads: 1, spareThreads: 1)
        let gate = Gate()
        try await withThrowingTaskGroup(of: Void.self) { group async throws in
            await #expect(throws: LibvirtError.self) {
                try await lane.run("hang", within: .milliseconds(300)) { () throws(LibvirtError) in gate.pass() }
            }
            group.addTask {
                await #expect { try await lane.run("hang", within: .seconds(1)) { () throws(LibvirtError) in gate.pass() } }
                throws: { ($0 as? LibvirtError)?.kind == .timeout }
            }
            #expect(try await eventually { gate.arrived.withLock { $0 } == 2 })
            // Waits for the second, which has the last spare thread, and fails as that one is lost too.
            let began = ContinuousClock.now
            await #expect {
                try await lane.run("waiting", within: .seconds(50)) { () throws(LibvirtError) in 1 }
            } throws: { Self.isExhaustion($0) }
            try await group.waitForAll()
            await #expect {
                try await lane.run("starved", within: .seconds(50)) { () throws(LibvirtError) in 1 }
            } throws: { Self.isExhaustion($0) }
            #expect(ContinuousClock.now - began < .seconds(20))
        }
        let statistics = lane.statistics
        #expect(statistics.queued == 0 && statistics.running == 0)
        #expect(statistics.lost == 2 && statistics.threads == 2)
        gate.release()
        #expect(try await eventually { lane.statistics.lost == 0 })
        #expect(try await lane.run("after", within: .seconds(10)) { () throws(LibvirtError) in 2 } == 2)
    }

    private static func isExhaustion(_ error: any Error) -> Bool {
        guard let error = error as? LibvirtError else { return false }
        return error.kind == .exhausted && error.isRetriable && error.message.contains("found no free thread of 'bound'")
            && error.message.contains("all 2")
    }

    @Test("does what must be done, such as a closing, when a thread comes back")
    func mustRun() async throws {
        let lane = CallLane(name: "must", threads: 1, spareThreads: 0)
        let gate = Gate()
        await #expect(throws: LibvirtError.self) {
            try await lane.run("hang", within: .milliseconds(50)) { () throws(LibvirtError) in gate.pass() }
        }
        let closed = Shared(false)
        lane.detach("close", within: .milliseconds(50)) { closed.withLock { $0 = true } }
        await #expect(throws: LibvirtError.self) {
            try await lane.run("hopeless", within: .seconds(50)) { () throws(LibvirtError) in 1 }
        }
        #expect(lane.statistics.queued == 1)
        try await Task.sleep(for: .milliseconds(200))
        gate.release()
        #expect(try await eventually { closed.withLock { $0 } })
    }

    @Test("tells that a call was given up and that it has returned, and hands over what it brought too late")
    func lateness() async throws {
        let lane = CallLane(name: "late", threads: 1, spareThreads: 1)
        let gate = Gate()
        let heard = Shared<[CallLane.Lateness]>([])
        let brought = Shared<[Int]>([])
        await #expect(throws: LibvirtError.self) {
            try await lane.run(
                "hang", within: .milliseconds(100), lateness: { word in heard.withLock { $0.append(word) } },
                late: { result in brought.withLock { $0.append((try? result.get()) ?? -1) } }
            ) { () throws(LibvirtError) in
                gate.pass()
                return 7
            }
        }
        #expect(heard.withLock { $0 } == [.givenUp])
        gate.release()
        #expect(try await eventually { heard.withLock { $0 } == [.givenUp, .returned] })
        #expect(brought.withLock { $0 } == [7])
        #expect(
            try await lane.run(
                "quick", within: .seconds(10), lateness: { word in heard.withLock { $0.append(word) } },
                late: { result in brought.withLock { $0.append((try? result.get()) ?? -1) } }
            ) { () throws(LibvirtError) in 8 } == 8)
        #expect(heard.withLock { $0.count } == 2 && brought.withLock { $0.count } == 1)
    }

    @Test("lets go of a question whose asker was cancelled, and replaces its thread")
    func abandonable() async throws {
        let lane = CallLane(name: "abandon", threads: 1, spareThreads: 1)
        let gate = Gate()
        let asking = Task {
            try await lane.run("question", within: .seconds(50), isAbandonable: true) { () throws(LibvirtError) in
                gate.pass()
            }
        }
        #expect(try await eventually { gate.arrived.withLock { $0 } == 1 })
        let began = ContinuousClock.now
        asking.cancel()
        await #expect { try await asking.value } throws: { ($0 as? LibvirtError)?.kind == .cancelled }
        #expect(ContinuousClock.now - began < .seconds(10))
        #expect(lane.statistics.lost == 1)
        #expect(try await lane.run("next", within: .seconds(10)) { () throws(LibvirtError) in 3 } == 3)
        gate.release()
        #expect(try await eventually { lane.statistics.lost == 0 })
    }

    @Test("takes back a cancelled call that waits, and lets one that runs return")
    func cancellation() async throws {
        let lane = CallLane(name: "cancel", threads: 1, spareThreads: 0)
        let gate = Gate()
        let ran = Shared(false)
        try await withThrowingTaskGroup(of: Int.self) { group async throws in
            group.addTask {
                try await lane.run("first", within: .seconds(30)) { () throws(LibvirtError) in
                    gate.pass()
                    return 1
                }
            }
            #expect(try await eventually { gate.arrived.withLock { $0 } == 1 })
            let waiting = Task {
                try await lane.run("second", within: .seconds(30)) { () throws(LibvirtError) in
                    ran.withLock { $0 = true }
                    return 2
                }
            }
            #expect(try await eventually { lane.statistics.queued == 1 })
            waiting.cancel()
            await #expect { try await waiting.value } throws: { ($0 as? LibvirtError)?.kind == .cancelled }
            group.cancelAll()
            gate.release()
            #expect(try await group.next() == 1)
        }
        #expect(!ran.withLock { $0 })
    }

    @Test("does not stop the cooperative pool while its calls block")
    func pool() async throws {
        let lane = CallLane(name: "pool", threads: 8, spareThreads: 0)
        let gate = Gate()
        try await withThrowingTaskGroup(of: Void.self) { group async throws in
            for _ in 0..<8 {
                group.addTask {
                    try await lane.run("block", within: .seconds(30)) { () throws(LibvirtError) in gate.pass() }
                }
            }
            #expect(try await eventually { gate.arrived.withLock { $0 } == 8 })
            // Would never come if the eight blocked the pool's threads.
            let ticks = Task.detached { (0..<100).reduce(0, +) }
            #expect(await ticks.value == 4950)
            gate.release()
            try await group.waitForAll()
        }
    }
}
