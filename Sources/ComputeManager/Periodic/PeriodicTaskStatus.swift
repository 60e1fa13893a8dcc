// SPDX-License-Identifier: Apache-2.0

public import ComputeModel

/// How a periodic task fares.
public struct PeriodicTaskStatus: Sendable, Hashable {
    public enum State: Sendable, Hashable {
        /// It does not run, and why.
        case off(String)
        case waiting
        case running(since: Timestamp)
    }

    public enum Outcome: String, Sendable, Hashable, CaseIterable {
        case ok, failed
        /// It did not end in time, and was cancelled.
        case overdue
    }

    /// One run that has ended.
    public struct Run: Sendable, Hashable {
        public let begunAt: Timestamp
        public let duration: Duration
        public let outcome: Outcome
        /// What it came to, or why it failed.
        public let words: String

        public init(begunAt: Timestamp, duration: Duration, outcome: Outcome, words: String) {
            self.begunAt = begunAt
            self.duration = duration
            self.outcome = outcome
            self.words = words
        }
    }

    public let name: String
    /// The option that decides about it.
    public let option: String
    public let interval: Duration?
    public var state: State
    public var last: Run?
    public var nextAt: Timestamp?
    public var runs: Int
    public var failures: Int

    public init(
        name: String, option: String, interval: Duration?, state: State, last: Run? = nil, nextAt: Timestamp? = nil,
        runs: Int = 0, failures: Int = 0
    ) {
        self.name = name
        self.option = option
        self.interval = interval
        self.state = state
        self.last = last
        self.nextAt = nextAt
        self.runs = runs
        self.failures = failures
    }
}
