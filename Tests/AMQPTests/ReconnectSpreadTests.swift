// SPDX-License-Identifier: Apache-2.0

import AMQP
import TestSupport
import Testing

@Suite("Many that lose one broker do not come back all at once", .timeLimit(.minutes(3)))
struct ReconnectSpreadTests {
    /// As many as workers that lose a broker together.
    private static let count = 200

    @Test("Two hundred consumers come back spread over seconds, and all of them soon")
    func spread() async throws {
        let broker = try await RabbitMQServer.start()
        // The policy is the default one: what is measured is what operators get.
        let configuration = try BrokerConfiguration(transportURL: broker.url())
        let consumers = (0..<Self.count).map { number in
            Consumer(configuration: configuration, logger: quiet) {
                [Subscription(queue: Queue(name: "spread-\(number)", exclusive: true))]
            }
        }
        try await withThrowingTaskGroup(of: Void.self) { group in
            for consumer in consumers { group.addTask { try await consumer.run() } }
            for consumer in consumers { _ = await consumer.states.first(\.isReady) }
            let streams = consumers.map(\.states)
            await broker.kill()
            try await broker.start()
            let back = ContinuousClock.now
            let times = await withTaskGroup(of: ContinuousClock.Instant?.self) { group in
                for states in streams { group.addTask { await states.readyAgain() } }
                return await group.reduce(into: []) { $0.append($1) }
            }
            let arrivals = times.compactMap { $0 }.sorted().map { $0 - back }
            #expect(arrivals.count == Self.count)
            let first = try #require(arrivals.first)
            let last = try #require(arrivals.last)
            // At random over four seconds: half a second holds an eighth of them on average.
            var most = 0
            for (index, start) in arrivals.enumerated() {
                most = max(most, arrivals[index...].prefix { $0 < start + .milliseconds(500) }.count)
            }
            let gaps = zip(arrivals.dropFirst(), arrivals).map { $0 - $1 }.sorted()
            print("spread: first \(first), last \(last), most in 0.5 s \(most), median gap \(gaps[gaps.count / 2])")
            #expect(last - first > .seconds(2), "\(first)...\(last)")
            // Two cores that serve the broker as well bunch them.
            #expect(most < Self.count * 3 / 4, "\(most) of \(Self.count) within half a second")
            #expect(last < .seconds(8), "\(last)")
            group.cancelAll()
            try await group.waitForAll()
        }
        await broker.shutDown()
    }
}

extension AsyncStream<ConnectionState> {
    /// When it was ready after it had been lost.
    fileprivate func readyAgain() async -> ContinuousClock.Instant? {
        var wasLost = false
        for await state in self {
            if state.lostError != nil { wasLost = true }
            if wasLost, state.isReady { return .now }
        }
        return nil
    }
}
