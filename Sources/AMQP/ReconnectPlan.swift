// SPDX-License-Identifier: Apache-2.0

public import Logging

/// What follows from each attempt to connect that fails: which broker is next, after which wait, and how it is told.
public struct ReconnectPlan: Sendable {
    private let policy: ReconnectPolicy
    private let endpoints: Int
    private var failures = 0
    private var lastCode: BrokerError.Code?
    /// The place of the broker that is tried next.
    public private(set) var index = 0

    /// A connection that lived this long begins the back-off anew when it goes.
    private static let settledAfter = Duration.seconds(10)

    public init(_ policy: ReconnectPolicy, endpoints: Int) {
        self.policy = policy
        self.endpoints = max(1, endpoints)
    }

    /// Notes that an attempt failed, or that a connection went; how long to wait before the next.
    ///
    /// - Parameter life: how long there was a connection; nil where there was none.
    public mutating func failed(
        _ error: BrokerError, afterLifeOf life: Duration?, using generator: inout some RandomNumberGenerator,
        logger: Logger
    ) -> Duration {
        if let life, life > Self.settledAfter { failures = 0 }
        failures += 1
        index = (index + 1) % endpoints
        let (rounds, position) = failures.quotientAndRemainder(dividingBy: endpoints)
        // The next broker of a round is tried at once.
        let delay = position == 0 ? policy.delay(afterRounds: rounds, error: error, using: &generator) : .zero
        // A lock is asked for often, and says the same each time.
        let isRepeated = error.code == .queueLocked && lastCode == .queueLocked
        lastCode = error.code
        logger.log(
            level: error.needsConfiguration ? .error : isRepeated ? .debug : .notice, "no connection to the broker",
            metadata: ["error.code": "\(error.code.rawValue)", "error": "\(error)", "retry.in": "\(delay)"])
        return delay
    }
}
