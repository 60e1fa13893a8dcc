// SPDX-License-Identifier: Apache-2.0

/// Something that the worker does by itself, every so often.
protocol PeriodicTask: Sendable {
    /// Nova's name of it.
    var name: String { get }

    /// The option that says whether and how often it runs.
    var option: String { get }

    /// How long after one run the next begins; nil where the operator has it off.
    var interval: Duration? { get }

    /// Why it can't run here, whatever the operator says; nil where it can.
    var obstacle: String? { get }

    /// Whether its first run does not wait.
    var beginsAtOnce: Bool { get }

    /// How long one run may take.
    var limit: Duration { get }

    /// Does it once.
    func run() async throws -> PeriodicResult
}

extension PeriodicTask {
    var obstacle: String? { nil }
    var beginsAtOnce: Bool { false }
    var limit: Duration { .seconds(300) }
}

/// What a run came to.
struct PeriodicResult: Sendable, Hashable {
    /// Of how many things it was.
    let count: Int
    let words: String

    init(_ count: Int, _ words: String) {
        self.count = count
        self.words = words
    }
}
