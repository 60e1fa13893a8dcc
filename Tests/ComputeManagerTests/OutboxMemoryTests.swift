// SPDX-License-Identifier: Apache-2.0

import ComputeManager
import ComputeModel
import Foundation
import Logging
import Synchronization
import Testing
import WorkerStore

@Suite("An outage of the broker with very many events", .serialized, .timeLimit(.minutes(5)))
struct OutboxMemoryTests {
    private static let mark = "OUTBOX_MEMORY_OF_THIS_PROCESS"
    private static let instances = 500
    private static let events = 100_000

    /// Holds messages, or fails them, while it is away; then takes them, and loses some confirms.
    private final class AwaySink: MessageSink {
        private struct State {
            var isAway = true
            var last: [String: Int] = [:]
            var taken = 0
            var repeats = 0
            var disorder = 0
            var waiting: [CheckedContinuation<Void, Never>] = []
        }

        let fails: Bool
        private let state = Mutex(State())
        let done: AsyncStream<Void>
        private let finished: AsyncStream<Void>.Continuation

        init(fails: Bool) {
            self.fails = fails
            (done, finished) = AsyncStream.makeStream()
        }

        var counts: (taken: Int, repeats: Int, disorder: Int) {
            state.withLock { ($0.taken, $0.repeats, $0.disorder) }
        }

        func comeBack() {
            let waiting = state.withLock { state in
                state.isAway = false
                defer { state.waiting = [] }
                return state.waiting
            }
            for continuation in waiting { continuation.resume() }
        }

        func publish(_ message: WireMessage) async throws(DeliveryFailure) {
            if fails, state.withLock({ $0.isAway }) { throw .unavailable("away") }
            await withCheckedContinuation { continuation in
                let isHere = state.withLock { state in
                    if state.isAway { state.waiting.append(continuation) }
                    return !state.isAway
                }
                if isHere { continuation.resume() }
            }
            // The body begins with the event's number in its instance.
            let number = Int(String(decoding: message.body.prefix { $0 != 0x20 }, as: UTF8.self)) ?? -1
            let isConfirmLost = state.withLock { state in
                let last = state.last[message.routingKey] ?? 0
                switch number {
                case last + 1:
                    state.last[message.routingKey] = number
                    state.taken += 1
                case last: state.repeats += 1
                default: state.disorder += 1
                }
                return number == last + 1 && number % 50 == 0
            }
            if isConfirmLost { throw .unavailable("the confirm is lost") }
            if state.withLock({ $0.taken == OutboxMemoryTests.events }) { finished.finish() }
        }
    }

    /// The resident memory of this process in bytes.
    private static func resident() throws -> Int {
        let fields = try String(contentsOfFile: "/proc/self/statm", encoding: .utf8).split(separator: " ")
        return (Int(fields[1]) ?? 0) * sysconf(Int32(_SC_PAGESIZE))
    }

    @Test(
        "memory stays flat, and all leave in the order of their instance, repeats as they were",
        arguments: [false, true])
    func flat(fails: Bool) async throws {
        if let mode = ProcessInfo.processInfo.environment[Self.mark] {
            if mode == "\(fails)" { try await measure(fails: fails) }
            return
        }
        // In a process of its own: the other tests of this one have memory too.
        let child = Process()
        child.executableURL = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath()
        child.arguments = ["--testing-library", "swift-testing", "--filter", "OutboxMemoryTests"]
        child.environment = ProcessInfo.processInfo.environment.merging([Self.mark: "\(fails)"]) { $1 }
        let path = FileManager.default.temporaryDirectory.path + "/outbox-memory-\(UUID().uuidString)"
        defer { try? FileManager.default.removeItem(atPath: path) }
        #expect(FileManager.default.createFile(atPath: path, contents: nil))
        let output = try #require(FileHandle(forWritingAtPath: path))
        child.standardOutput = output
        child.standardError = output
        // Nobody's thread waits for it: the other tests need them.
        let (ends, ended) = AsyncStream<Void>.makeStream()
        child.terminationHandler = { _ in ended.finish() }
        try child.run()
        for await _ in ends {}
        let text = try String(contentsOfFile: path, encoding: .utf8)
        #expect(child.terminationStatus == 0, "\(text)")
        #expect(text.contains("measured"), "\(text)")
    }

    private func measure(fails: Bool) async throws {
        let directory = FileManager.default.temporaryDirectory.path + "/outbox-\(UUID().uuidString)"
        defer { try? FileManager.default.removeItem(atPath: directory) }
        let store = try WorkerStore(StoreConfiguration(directory: directory))
        let sink = AwaySink(fails: fails)
        let relay = OutboxRelay(
            store: store, sink: sink, observer: OutboxObserver(fails: false),
            configuration: RelayConfiguration(
                bufferedBytes: 2 << 20, shortestPause: .milliseconds(100), longestPause: .milliseconds(500)),
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await relay.run() }
            var before = 0
            for first in stride(from: 0, to: Self.events, by: 2000) {
                if first == Self.events / 5 { before = try Self.resident() }
                try await store.write { transaction in
                    for index in first..<first + 2000 {
                        let (number, key) = (index / Self.instances + 1, "i\(index % Self.instances)")
                        let text = "\(number) " + String(repeating: "x", count: 500)
                        try transaction.enqueue(OutboxFixture.message(key, text, .notification))
                    }
                }
            }
            let growth = try Self.resident() - before
            print("measured: \(growth / 1024) KiB more with \(Self.events) events than with a fifth of them")
            #expect(abs(growth) < 10 << 20)
            sink.comeBack()
            for await _ in sink.done {}
            group.cancelAll()
            try await group.waitForAll()
        }
        #expect(sink.counts.taken == Self.events)
        #expect(sink.counts.disorder == 0)
        #expect(sink.counts.repeats > 0)
        await store.close()
    }
}
