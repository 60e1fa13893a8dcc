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
        #expect(lane.statistics.running == 0)
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

    @Test("replaces no more lost threads than it has spares for")
    func bound() async throws {
        let lane = CallLane(name: "bound", threads: 1, spareThreads: 1)
        let gate = Gate()
        for _ in 0..<2 {
            await #expect(throws: LibvirtError.self) {
                try await lane.run("hang", within: .seconds(2)) { () throws(LibvirtError) in gate.pass() }
            }
        }
        await #expect {
            try await lane.run("starved", within: .milliseconds(50)) { () throws(LibvirtError) in 1 }
        } throws: { ($0 as? LibvirtError)?.message.contains("found no free thread") == true }
        #expect(lane.statistics == CallLane.Statistics(queued: 0, running: 0, lost: 2, threads: 2))
        gate.release()
        #expect(try await eventually { lane.statistics.lost == 0 })
        #expect(try await lane.run("after", within: .seconds(10)) { () throws(LibvirtError) in 2 } == 2)
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
