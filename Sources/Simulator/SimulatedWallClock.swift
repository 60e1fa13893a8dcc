// SPDX-License-Identifier: Apache-2.0

internal import ComputeModel
internal import Synchronization

/// The time of day: follows the simulated clock, and can be set forward or back like any computer's.
final class SimulatedWallClock: WallClock {
    private static let beginning = Timestamp(year: 2026, month: 11, day: 23)

    private let clock: SimulatedClock
    private let offset = Mutex(Duration.zero)

    init(clock: SimulatedClock) { self.clock = clock }

    func now() -> Timestamp {
        let elapsed = clock.now.offset + offset.withLock { $0 }
        let (seconds, attoseconds) = elapsed.components
        return Timestamp(
            microseconds: Self.beginning.microseconds + seconds * 1_000_000 + attoseconds / 1_000_000_000_000)
    }

    /// Sets it forward, or back.
    func jump(by duration: Duration) { offset.withLock { $0 += duration } }
}
