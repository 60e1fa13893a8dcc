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
    /// Requests that wait for room for disks, unacknowledged; far below what the broker hands out at once, so that a
    /// delete still comes. What comes beyond is taken in.
    public var heldLimit: Int
    /// What the bodies of those may have together.
    public var heldBytes: Int
    /// How long a request may wait to be begun; one that is held longer is let go, to be refused in its turn.
    public var ageLimits: AgeLimits
    /// Finished rows that are kept to recognise repeats.
    public var finishedRows: Int
    /// The first pause after the store has failed; it doubles up to ``longestPause``.
    public var shortestPause: Duration
    public var longestPause: Duration

    public init(
        highWater: Int = 10_000, lowWater: Int = 8_000, readOnlyLimit: Int = 256, deadLetterLimit: Int = 16,
        heldLimit: Int = 128, heldBytes: Int = 16 << 20, ageLimits: AgeLimits = AgeLimits(),
        finishedRows: Int = 20_000, shortestPause: Duration = .milliseconds(500),
        longestPause: Duration = .seconds(2)
    ) {
        self.highWater = max(1, highWater)
        self.lowWater = min(max(0, lowWater), self.highWater - 1)
        self.readOnlyLimit = max(1, readOnlyLimit)
        self.deadLetterLimit = max(1, deadLetterLimit)
        self.heldLimit = max(0, heldLimit)
        self.heldBytes = max(0, heldBytes)
        self.ageLimits = ageLimits
        self.finishedRows = max(0, finishedRows)
        self.shortestPause = shortestPause
        self.longestPause = max(shortestPause, longestPause)
    }

    var heldBounds: HeldRequests.Bounds { HeldRequests.Bounds(count: heldLimit, bytes: heldBytes) }
}
