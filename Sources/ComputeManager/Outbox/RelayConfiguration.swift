// SPDX-License-Identifier: Apache-2.0

/// How the outbox is emptied.
public struct RelayConfiguration: Sendable {
    /// What becomes of a notification that no queue takes.
    public enum UnroutablePolicy: String, Sendable, Hashable, CaseIterable {
        /// Nobody listens: it is counted and dropped.
        case drop
        /// It stays, and with it what follows on the same instance, until somebody listens.
        case keep
    }

    /// Messages that wait for the broker's confirm side by side.
    public var window: Int
    /// The same for replies and casts, which do not stand behind events.
    public var replyWindow: Int
    /// Bytes of messages that are read from the outbox in advance.
    public var bufferedBytes: Int
    public var unroutableNotifications: UnroutablePolicy
    /// The first pause of a key after its message was refused; it doubles up to ``longestPause``.
    public var shortestPause: Duration
    public var longestPause: Duration

    public init(
        window: Int = 512, replyWindow: Int = 64, bufferedBytes: Int = 8 << 20,
        unroutableNotifications: UnroutablePolicy = .drop, shortestPause: Duration = .milliseconds(500),
        longestPause: Duration = .seconds(60)
    ) {
        self.window = max(1, window)
        self.replyWindow = max(1, replyWindow)
        self.bufferedBytes = max(1, bufferedBytes)
        self.unroutableNotifications = unroutableNotifications
        self.shortestPause = shortestPause
        self.longestPause = max(shortestPause, longestPause)
    }
}
