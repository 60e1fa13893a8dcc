// SPDX-License-Identifier: Apache-2.0

/// How long to wait between attempts to connect: a random time up to a bound that grows (full jitter).
public struct ReconnectPolicy: Sendable, Hashable {
    /// The first bound.
    public var initial: Duration
    /// What each failed round over all brokers adds to the bound.
    public var step: Duration
    /// The last bound.
    public var maximum: Duration

    private static let lockStep = Duration.milliseconds(250)
    private static let lockMaximum = Duration.seconds(2)
    private static let awayMaximum = Duration.seconds(4)

    /// The defaults are the numbers of oslo.messaging and of kombu before it: 1 s, 2 s more each time, at most 30 s.
    public init(initial: Duration = .seconds(1), step: Duration = .seconds(2), maximum: Duration = .seconds(30)) {
        self.initial = initial
        self.step = step
        self.maximum = maximum
    }

    /// The bound after so many failed rounds.
    func bound(afterRounds rounds: Int) -> Duration {
        min(maximum, initial + step * max(0, min(rounds, 10_000) - 1))
    }

    /// A random wait. An error that only a setting can cure waits in the upper half of the longest bound; a lock, which
    /// may be that of our own last connection, is asked for often. Where there is no broker (a balancer hangs up), or
    /// one that stops or starts, the wait stays short: trying costs nobody much, and it is found soon after it is back.
    func delay(
        afterRounds rounds: Int, error: BrokerError, using generator: inout some RandomNumberGenerator
    ) -> Duration {
        let bound =
            switch error.code {
            case .queueLocked: min(Self.lockStep * max(1, min(rounds, 10)), Self.lockMaximum)
            case _ where error.needsConfiguration: maximum
            case .unreachable, .timedOut, .socketFailed: min(Self.awayMaximum, bound(afterRounds: rounds))
            case .connectionClosed where error.isShutdown: min(Self.awayMaximum, bound(afterRounds: rounds))
            default: bound(afterRounds: rounds)
            }
        let milliseconds = max(0, bound.milliseconds)
        let lowest = error.needsConfiguration || error.code == .queueLocked ? milliseconds / 2 : 0
        return .milliseconds(Int64.random(in: lowest...milliseconds, using: &generator))
    }
}

extension Duration {
    /// Whole milliseconds, rounded down.
    var milliseconds: Int64 {
        let (seconds, attoseconds) = components
        return seconds * 1000 + attoseconds / 1_000_000_000_000_000
    }
}
