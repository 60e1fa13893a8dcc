// SPDX-License-Identifier: Apache-2.0

import AMQP
@testable import ComputeService
import Testing

@Suite("When a worker takes up what an earlier run left", .timeLimit(.minutes(1)))
struct HostIsOursTests {
    private static let away = ConnectionState.lost(BrokerError(.unreachable, "refused"), retryIn: .zero)
    private static let locked = ConnectionState.lost(BrokerError(.queueLocked, "held"), retryIn: .seconds(1))

    @Test(
        "Once the host is claimed, or when each broker in turn was away: none of them may have it held",
        arguments: [
            (1, [away], 1),
            (2, [away, away], 2),
            (2, [away, .ready(queues: [])], 2),
            (2, [away, locked, away, locked, away, .ready(queues: [])], 6),
            (2, [locked, away, away], 3),
            (3, [away, away, locked, away, away, away], 6),
        ])
    func waits(_ brokers: Int, _ states: [ConnectionState], _ needed: Int) async {
        for count in 1...needed {
            let (stream, continuation) = AsyncStream<ConnectionState>.makeStream()
            for state in states.prefix(count) {
                continuation.yield(.connecting("b"))
                continuation.yield(state)
            }
            // What is behind the last one is read only by who still waits.
            continuation.yield(.idle)
            continuation.finish()
            #expect(await BrokerWatch.hostIsOurs(stream, brokers: brokers))
            var isRead = true
            for await _ in stream { isRead = false }
            #expect(isRead == (count < needed), "\(brokers) brokers, \(count) of \(states)")
        }
    }

    @Test("Not where it is stopped while another worker has the host", arguments: [[locked], [away, locked]])
    func stoppedWhileHeld(_ states: [ConnectionState]) async {
        let (stream, continuation) = AsyncStream<ConnectionState>.makeStream()
        for state in states + [.closed] { continuation.yield(state) }
        #expect(await !BrokerWatch.hostIsOurs(stream, brokers: 2))
    }
}
