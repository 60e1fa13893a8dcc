// SPDX-License-Identifier: Apache-2.0

/// What became of one history.
public struct Outcome: Sendable {
    public let seed: UInt64
    /// Differs where a single step differs.
    public let fingerprint: String
    public let steps: Int
    /// Time that passed in the history.
    public let duration: Duration
    public let wishes: Int
    public let lives: Int
    /// Whether a bit that the disk turned over cost something, and the store said so.
    public let isDamaged: Bool
    /// Whether such a bit made the store refuse its database.
    public let isBeyondUse: Bool
    public let violations: [Violation]
    public let faults: [FaultKind: Int]
    /// How often the worker was killed at each place.
    public let crashPlaces: [String: Int]
    /// How often each step of each operation was taken up again: the method, a colon and the step.
    public let resumed: [String: Int]
    /// How often each method ended in which way: the method, a space and the outcome.
    public let ended: [String: Int]
    /// How often each periodic task was done, failed, was cut off, and had something to do.
    public let tasks: [String: Int]
    /// The steps as text, where they were kept.
    public let lines: [String]

    init(_ simulation: Simulation) {
        let world = simulation.world
        seed = simulation.seed
        fingerprint = world.history.fingerprint
        steps = world.history.steps
        duration = world.now
        wishes = world.ledger.wishes.count
        lives = simulation.hypervisor.generation
        isDamaged = simulation.isDamaged
        isBeyondUse = simulation.isBeyondUse
        violations = world.violations
        faults = world.faults.counts
        crashPlaces = world.crashPlaces
        resumed = world.resumed
        ended = world.ended
        tasks = world.tasks
        lines = world.history.lines
    }
}
