// SPDX-License-Identifier: Apache-2.0

/// How full the store is, as of its last commit.
public struct StoreLevels: Sendable, Hashable {
    /// Rows of the journal that are not finished.
    public var unfinished: Int
    /// Finished rows that are kept to recognise repeats.
    public var finished: Int
    /// Messages in the outbox.
    public var outbox: Int
    /// The place of the last message that was put into the outbox; 0 before the first.
    public var lastOutboxID: OutboxID
    /// The same among replies and casts.
    public var lastAddressedID: OutboxID
    /// Rows that were found damaged and are set aside.
    public var quarantined: Int
    /// Commits since the store was opened.
    public var commits: Int

    /// What instances have claimed of the host, all together.
    public var claimed: ClaimAmounts

    public init(
        unfinished: Int = 0, finished: Int = 0, outbox: Int = 0, lastOutboxID: OutboxID = OutboxID(0),
        lastAddressedID: OutboxID = OutboxID(0), quarantined: Int = 0, commits: Int = 0,
        claimed: ClaimAmounts = .none
    ) {
        self.unfinished = unfinished
        self.finished = finished
        self.outbox = outbox
        self.lastOutboxID = lastOutboxID
        self.lastAddressedID = lastAddressedID
        self.quarantined = quarantined
        self.commits = commits
        self.claimed = claimed
    }
}
