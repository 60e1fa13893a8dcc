// SPDX-License-Identifier: Apache-2.0

/// What the last message that was to come back to us has shown.
public struct LoopbackReport: Sendable, Hashable {
    public enum Result: Sendable, Hashable {
        /// It was published, confirmed, routed and delivered.
        case passed
        /// Confirmed by the broker and not delivered, nor anything else: publishing works, consuming does not.
        case notDelivered
        /// No queue is bound where casts for this host arrive.
        case unroutable
        /// Neither confirmed nor refused: the connection that publishes is dead without saying so.
        case notConfirmed
        /// Not tried to the end: nobody can tell (no connection, a pause, a backlog before it).
        case inconclusive(String)
    }

    public var result: Result
    /// From publishing to delivery, where it came back.
    public var roundTrip: Duration?
    /// When that was found out.
    public var at: ContinuousClock.Instant
    /// Failures since the last one that passed.
    public var failures: Int

    public init(
        _ result: Result, roundTrip: Duration? = nil, at: ContinuousClock.Instant = .now, failures: Int = 0
    ) {
        self.result = result
        self.roundTrip = roundTrip
        self.at = at
        self.failures = failures
    }
}

extension LoopbackReport.Result: CustomStringConvertible {
    /// Whether it speaks against the way to the broker and back.
    public var isFailure: Bool {
        switch self {
        case .passed, .inconclusive: false
        case .notDelivered, .unroutable, .notConfirmed: true
        }
    }

    /// A short word, for counters.
    public var word: String {
        switch self {
        case .passed: "passed"
        case .notDelivered: "not-delivered"
        case .unroutable: "unroutable"
        case .notConfirmed: "not-confirmed"
        case .inconclusive: "inconclusive"
        }
    }

    public var description: String {
        switch self {
        case .passed: "a message to ourselves came back"
        case .notDelivered: "a message to ourselves was confirmed by the broker and not delivered"
        case .unroutable: "a message to ourselves found no queue"
        case .notConfirmed: "a message to ourselves was not confirmed"
        case .inconclusive(let why): "a message to ourselves shows nothing just now: \(why)"
        }
    }
}
