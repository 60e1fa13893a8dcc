// SPDX-License-Identifier: Apache-2.0

import ComputeManager
import ComputeModel
import Logging
import Synchronization
import Testing
import WorkerStore

@Suite("Events are numbered per instance", .timeLimit(.minutes(1)))
struct EventNumberTests {
    private let id = InstanceID(bits: Requests.instanceID)

    /// Takes each message at the second attempt, and remembers all attempts.
    private final class ReluctantSink: MessageSink {
        let attempts = Mutex<[WireMessage]>([])
        let arrivals: AsyncStream<Void>
        private let arrival: AsyncStream<Void>.Continuation

        init() { (arrivals, arrival) = AsyncStream.makeStream() }

        func publish(_ message: WireMessage) async throws(DeliveryFailure) {
            let isFirst = attempts.withLock { attempts in
                attempts.append(message)
                return attempts.filter { $0.body == message.body && $0.routingKey == message.routingKey }.count == 1
            }
            if isFirst { throw .unavailable("once") }
            arrival.yield()
        }
    }

    @Test("From one without a gap over all operations; all forms and all attempts of an event have one number")
    func numbers() async throws {
        let fixture = try ManagerFixture(forms: 2)
        try await fixture.run { manager in
            try await fixture.perform(
                manager, Requests.run(), Requests.of(Requests.id, "reboot_instance", message: "m1"),
                Requests.of(Requests.id, "terminate_instance"))
        }
        let rows = try await fixture.store.read { try $0.outbox(limit: 1000) }
        let events = rows.filter { $0.message.kind == .notification }
        #expect(events.count > 10)
        for (index, row) in events.enumerated() {
            let number = Int64(index / 2 + 1)
            #expect(row.sequence == number)
        }
        #expect(rows.filter { $0.message.kind == .reply }.allSatisfy { $0.sequence == nil })

        let sink = ReluctantSink()
        let relay = OutboxRelay(
            store: fixture.store, sink: sink, observer: fixture.makeManager().castObserver,
            configuration: RelayConfiguration(shortestPause: .nanoseconds(1), longestPause: .nanoseconds(1)),
            clock: ContinuousClock(), logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await relay.run() }
            var count = 0
            for await _ in sink.arrivals {
                count += 1
                if count == rows.count { break }
            }
            group.cancelAll()
            try await group.waitForAll()
        }
        let sent = sink.attempts.withLock { $0 }
        #expect(sent.count == 2 * rows.count)
        let numbers = sent.filter { $0.kind == .notification }.map(\.sequence)
        let expected: [Int64?] = (0..<events.count * 2).map { Int64($0 / 4 + 1) }
        #expect(numbers == expected)
        await fixture.close()
    }
}
