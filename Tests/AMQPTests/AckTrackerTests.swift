// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import AMQP

@Suite("Acknowledgements are coalesced over the finished prefix")
struct AckTrackerTests {
    private func tracker(_ count: UInt64, bytes: Int = 10) -> AckTracker {
        var tracker = AckTracker()
        for tag in 1...count { tracker.delivered(tag, bytes: bytes) }
        return tracker
    }

    private func frames(of tags: [UInt64], _ tracker: inout AckTracker) -> [AckTracker.Frame] {
        tracker.acknowledge(tags)
    }

    @Test("A finished prefix goes out as one frame, in whatever order it finished")
    func prefix() {
        var tracker = tracker(5)
        #expect(frames(of: [3, 1, 2], &tracker) == [.init(tag: 3, multiple: true)])
        #expect(tracker.outstandingCount == 2)
        #expect(tracker.outstandingBytes == 20)
    }

    @Test("What finished beyond an unfinished one goes out singly")
    func stragglers() {
        var tracker = tracker(5)
        #expect(frames(of: [2, 4], &tracker) == [.init(tag: 2, multiple: false), .init(tag: 4, multiple: false)])
    }

    @Test("A frame never names a tag that was settled before")
    func highestUnsettled() {
        var tracker = tracker(6)
        #expect(frames(of: [4, 5], &tracker) == [.init(tag: 4, multiple: false), .init(tag: 5, multiple: false)])
        // The prefix ends at 5, but 5 and 4 are settled: 3 is the highest that the broker still knows.
        #expect(frames(of: [1, 2, 3], &tracker) == [.init(tag: 3, multiple: true)])
        #expect(frames(of: [6], &tracker) == [.init(tag: 6, multiple: false)])
        #expect(tracker.outstandingCount == 0)
    }

    @Test("Unknown, repeated and settled tags make no frame")
    func unknown() {
        var tracker = tracker(2)
        #expect(frames(of: [0, 3, 99], &tracker) == [])
        #expect(frames(of: [1, 1], &tracker) == [.init(tag: 1, multiple: false)])
        #expect(frames(of: [1], &tracker) == [])
        let rejected = [tracker.reject(1), tracker.reject(2)]
        #expect(rejected == [false, true])
        #expect(frames(of: [2], &tracker) == [])
        #expect(tracker.outstandingBytes == 0)
    }

    @Test("A model of the broker accepts every frame of ten thousand random steps")
    func model() {
        var generator = SeededGenerator(state: 20_240_601)
        var tracker = AckTracker()
        var unacknowledged: Set<UInt64> = []
        var next: UInt64 = 1
        for _ in 0..<10_000 {
            switch Int.random(in: 0..<4, using: &generator) {
            case 0, 1:
                for _ in 0..<Int.random(in: 1...4, using: &generator) {
                    tracker.delivered(next, bytes: 1)
                    unacknowledged.insert(next)
                    next += 1
                }
            case 2:
                let tags = unacknowledged.sorted().filter { _ in Bool.random(using: &generator) }
                var expected = unacknowledged
                expected.subtract(tags)
                for frame in tracker.acknowledge(tags) {
                    #expect(unacknowledged.contains(frame.tag), "the broker would close the channel with 406")
                    if frame.multiple {
                        unacknowledged = unacknowledged.filter { $0 > frame.tag }
                    } else {
                        unacknowledged.remove(frame.tag)
                    }
                }
                #expect(unacknowledged == expected)
            default:
                if let tag = unacknowledged.min() {
                    let isKnown = tracker.reject(tag)
                    #expect(isKnown)
                    unacknowledged.remove(tag)
                }
            }
            #expect(tracker.outstandingCount == unacknowledged.count)
        }
    }
}

/// SplitMix64.
struct SeededGenerator: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}
