// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import AMQP

@Suite("Confirms find the message they are for")
struct ConfirmTrackerTests {
    @Test("Tags count from one; multiple settles everything up to its tag, in order")
    func multiple() {
        var tracker = ConfirmTracker<String>()
        #expect(["a", "b", "c", "d"].map { tracker.published($0) } == [1, 2, 3, 4])
        #expect(tracker.confirm(2, multiple: false) == ["b"])
        #expect(tracker.confirm(3, multiple: true) == ["a", "c"])
        #expect(tracker.count == 1)
        #expect(tracker.confirm(3, multiple: true).isEmpty)
        #expect(tracker.confirm(9, multiple: true).isEmpty)
        #expect(tracker.confirm(0, multiple: true) == ["d"])
        #expect(tracker.published("e") == 5)
    }

    @Test("A new channel counts anew, and what was unconfirmed comes out")
    func reset() {
        var tracker = ConfirmTracker<Int>()
        for number in 0..<5000 { tracker.published(number) }
        #expect(tracker.confirm(4000, multiple: true).count == 4000)
        #expect(tracker.first(where: { $0 > 4500 }) == 4501)
        #expect(tracker.reset() == Array(4000..<5000))
        #expect(tracker.count == 0)
        #expect(tracker.published(7) == 1)
    }
}

@Suite("The back-off is random up to a bound that grows")
struct ReconnectPolicyTests {
    @Test("Bounds are those of oslo.messaging: 1 s, 2 s more each round, at most 30 s")
    func bounds() {
        let policy = ReconnectPolicy()
        #expect([1, 2, 3, 15, 16, 1000].map { policy.bound(afterRounds: $0) }
            == [.seconds(1), .seconds(3), .seconds(5), .seconds(29), .seconds(30), .seconds(30)])
    }

    @Test("Delays fill the whole range below the bound, and its upper half when a setting is wrong")
    func jitter() {
        let policy = ReconnectPolicy()
        var generator = SeededGenerator(state: 7)
        func drawn(_ code: BrokerError.Code, rounds: Int) -> [Duration] {
            (0..<1000).map { _ in policy.delay(afterRounds: rounds, error: BrokerError(code, ""), using: &generator) }
        }
        let delays = drawn(.connectionClosed, rounds: 3)
        #expect(delays.allSatisfy { $0 >= .zero && $0 <= .seconds(5) })
        #expect(delays.contains { $0 < .milliseconds(500) } && delays.contains { $0 > .milliseconds(4500) })
        let slow = drawn(.accessRefused, rounds: 1)
        #expect(slow.allSatisfy { $0 >= .seconds(15) && $0 <= .seconds(30) })
        // Whoever is not there, or stops or starts, is looked for often.
        let stopping = [320, 530].map { BrokerError(.connectionClosed, "", replyCode: $0) }
        for error in [.unreachable, .timedOut, .socketFailed].map({ BrokerError($0, "") }) + stopping {
            let delays = (0..<1000).map { _ in policy.delay(afterRounds: 500, error: error, using: &generator) }
            #expect(delays.allSatisfy { $0 <= .seconds(4) } && delays.contains { $0 > .seconds(3) })
        }
        // A lock is asked for often, and no more often than that.
        #expect(drawn(.queueLocked, rounds: 1).allSatisfy { $0 >= .milliseconds(125) && $0 <= .milliseconds(250) })
        #expect(drawn(.queueLocked, rounds: 500).allSatisfy { $0 >= .seconds(1) && $0 <= .seconds(2) })
    }
}
