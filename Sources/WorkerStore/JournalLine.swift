// SPDX-License-Identifier: Apache-2.0

public import ComputeModel

/// One row of the journal as an operator sees it: without its body.
public struct JournalLine: Sendable, Hashable, Identifiable {
    public let id: JournalID
    /// The sender's id of the message; nil for Folsom's form.
    public let uniqueID: String?
    /// The wire name of the method.
    public let method: String
    /// The stable name of the operation.
    public let operation: String
    public let instance: InstanceID?
    public let requestID: String?
    /// Whether a caller waits for an answer. A row keeps this when it is finished.
    public let expectsReply: Bool
    public let receivedAt: Timestamp
    /// The operation's last checkpoint as it wrote it, a JSON text; nil before the first and after the end.
    public let step: String?
    /// How often work on it was begun.
    public let attempts: Int
    public let lastError: String?
    /// How it ended, or, where it is not finished, how the operator wants it to end.
    public let outcome: JournalOutcome?
    /// When it ended; nil where it did not.
    public let finishedAt: Timestamp?

    /// Whether it is not finished and the operator gave it up.
    public var isCancelled: Bool { finishedAt == nil && outcome == .cancelled }
}
