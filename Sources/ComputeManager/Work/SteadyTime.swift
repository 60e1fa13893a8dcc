// SPDX-License-Identifier: Apache-2.0

internal import ComputeModel
internal import Synchronization

/// The wall clock without its jumps, as far as a clock that goes evenly tells them.
///
/// Nothing has stood still for an hour because the clock was put ahead by one, and no event comes before an earlier one
/// because it was put back. What a jump leaves uncertain makes things younger, never older.
final class SteadyTime: Sendable {
    /// The clock was put ahead by so many microseconds when it showed `last` or earlier.
    private struct Jump {
        var last: Timestamp
        var by: Int64
    }

    private struct State {
        var wall: Timestamp
        var elapsed: Duration
        var jumps: [Jump] = []
        var told: Timestamp
        var toldAt: Duration
    }

    /// What a clock that is corrected gently may gain between two looks.
    private static let tolerance: Int64 = 5_000_000
    private static let longestList = 64

    private let wallClock: any WallClock
    /// Since any moment, by a clock that goes evenly.
    let elapsed: @Sendable () -> Duration
    private let state: Mutex<State>

    convenience init(_ wallClock: any WallClock, beside clock: any Clock<Duration>) {
        self.init(wallClock, elapsed: clock.stopwatch)
    }

    /// - Parameter elapsed: the time since any moment, by a clock that goes evenly.
    init(_ wallClock: any WallClock, elapsed: @escaping @Sendable () -> Duration) {
        self.wallClock = wallClock
        self.elapsed = elapsed
        let (now, passed) = (wallClock.now(), elapsed())
        state = Mutex(State(wall: now, elapsed: passed, told: now, toldAt: passed))
    }

    /// How long ago something was that the wall clock dated; never less than nothing.
    func age(of moment: Timestamp) -> Duration {
        state.withLock { state in
            let now = look(&state)
            let ahead = state.jumps.reduce(0) { $1.last >= moment ? $0 + $1.by : $0 }
            return .microseconds(max(0, now.microseconds - moment.microseconds - ahead))
        }
    }

    /// The time of an event: never before the last one. After a step back it goes at half speed until it is right again.
    func eventTime() -> Timestamp {
        state.withLock { state in
            let now = look(&state)
            let passed = max(0, Int64((state.elapsed - state.toldAt) / .microseconds(1)))
            let half = Timestamp(microseconds: state.told.microseconds + passed / 2)
            state.told = now < state.told ? max(now, half) : now
            state.toldAt = state.elapsed
            return state.told
        }
    }

    /// Notes a jump since the last look; the time.
    private func look(_ state: inout State) -> Timestamp {
        let (now, passed) = (wallClock.now(), elapsed())
        let gained =
            now.microseconds - state.wall.microseconds - Int64((passed - state.elapsed) / .microseconds(1))
        (state.wall, state.elapsed) = (now, passed)
        if gained > Self.tolerance {
            state.jumps.append(Jump(last: Timestamp(microseconds: now.microseconds - gained), by: gained))
            if state.jumps.count > Self.longestList {
                let first = state.jumps.removeFirst()
                state.jumps[0].by += first.by
            }
        } else if gained < -Self.tolerance {
            // Taken back first is what was put ahead last.
            var back = -gained
            while back > 0, var jump = state.jumps.popLast() {
                let part = min(back, jump.by)
                jump.by -= part
                back -= part
                if jump.by > 0 { state.jumps.append(jump) }
            }
        }
        return now
    }
}
