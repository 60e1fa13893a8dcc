// SPDX-License-Identifier: Apache-2.0

internal import ComputeModel

/// What every part of one simulated history shares: the seed's numbers, time, the record of what happened.
///
/// @unchecked Sendable because only the thread of the simulation touches it: all tasks run on its executor.
final class World: @unchecked Sendable {
    /// Decides order, delays and faults.
    var dice: SeededGenerator
    var faults: Faults
    var history: History
    let clock = SimulatedClock()
    let wallClock: SimulatedWallClock
    let identifiers: SeededIdentifiers
    let ledger = Ledger()
    /// What the services know that the worker asks.
    let peers = PeerBooks()
    /// The images that snapshots have become, by their ids; they outlive a worker.
    var snapshots: [String: ImageMetadata] = [:]
    /// What an invariant says is wrong; the first one ends the run.
    private(set) var violations: [Violation] = []
    /// How often a worker was killed at each place: operation and step, for the report.
    var crashPlaces: [String: Int] = [:]
    /// How often each step of each operation was taken up again.
    var resumed: [String: Int] = [:]
    /// The requests without steps that were under way when the worker died, by their ids.
    var cutOff: Set<String> = []
    /// How often each method ended in which way.
    var ended: [String: Int] = [:]
    /// How often each periodic task was done, failed, was cut off, and had something to do.
    var tasks: [String: Int] = [:]
    /// When a build takes too long, where that ends it.
    var buildTimeout: Duration?

    init(seed: UInt64, faults: Faults, keepsHistory: Bool) {
        dice = SeededGenerator(seed: seed, stream: 1)
        self.faults = faults
        history = History(isKept: keepsHistory)
        wallClock = SimulatedWallClock(clock: clock)
        identifiers = SeededIdentifiers(seed: seed)
    }

    var now: Duration { clock.now.offset }

    func note(_ text: @autoclosure () -> String) { history.add(text(), at: now) }

    func violate(_ invariant: Invariant, _ text: String) {
        violations.append(Violation(invariant: invariant, text: text))
        note("VIOLATION \(invariant.rawValue): \(text)")
    }
}

extension World {
    /// Whether something happened for which an answer that is not journaled is given up.
    var mayLoseAnswers: Bool {
        let kinds: [FaultKind] = [
            .outage, .publisherConnectionLost, .publishRefused, .memoryAlarm, .timerFirst, .callHangs, .callSlow,
        ]
        return kinds.contains { faults.counts[$0, default: 0] > 0 }
    }
}
