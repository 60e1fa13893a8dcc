// SPDX-License-Identifier: Apache-2.0

/// How much the intake lets in.
public struct IntakeConfiguration: Sendable {
    /// Unfinished rows at which consuming stops; far above the slots, so that a terminate still gets in.
    public var highWater: Int
    /// Unfinished rows at which consuming goes on.
    public var lowWater: Int
    /// Read-only calls that are served or wait for a slot; one more is answered with a failure.
    public var readOnlyLimit: Int
    /// Dead letters that are under way to the broker side by side.
    public var deadLetterLimit: Int
    /// Finished rows that are kept to recognise repeats.
    public var finishedRows: Int
    /// The first pause after the store has failed; it doubles up to ``longestPause``.
    public var shortestPause: Duration
    public var longestPause: Duration

    public init(
        highWater: Int = 10_000, lowWater: Int = 8_000, readOnlyLimit: Int = 256, deadLetterLimit: Int = 16,
        finishedRows: Int = 20_000, shortestPause: Duration = .milliseconds(500), longestPause: Duration = .seconds(30)
    ) {
        self.highWater = max(1, highWater)
        self.lowWater = min(max(0, lowWater), self.highWater - 1)
        self.readOnlyLimit = max(1, readOnlyLimit)
        self.deadLetterLimit = max(1, deadLetterLimit)
        self.finishedRows = max(0, finishedRows)
        self.shortestPause = shortestPause
        self.longestPause = max(shortestPause, longestPause)
    }
}
