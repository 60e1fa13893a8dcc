// SPDX-License-Identifier: Apache-2.0

public import ComputeModel

/// The place of a cast in the journal; greater is later.
public struct JournalID: Hashable, Sendable, Comparable, CustomStringConvertible {
    public let value: Int64

    public init(_ value: Int64) { self.value = value }

    public var description: String { String(value) }

    public static func < (left: JournalID, right: JournalID) -> Bool { left.value < right.value }
}

/// A cast or call that is journaled and not finished.
public struct JournalEntry: Sendable, Hashable {
    public let id: JournalID
    public let form: WireForm
    /// The sender's id of the message; nil for Folsom's form.
    public let uniqueID: String?
    /// The wire name of the method.
    public let method: String
    public let version: String
    /// The stable name of the operation, by which a later version of the worker finds it.
    public let operation: String
    public let instance: InstanceID?
    public let requestID: String?
    /// Where the caller waits; nil for a cast.
    public let reply: ReplyAddress?
    public let receivedAt: Timestamp
    /// The operation's last checkpoint, as it wrote it; nil before its first.
    public let step: [UInt8]?
    /// How often work on it was begun.
    public let attempts: Int
    public let lastError: String?
    /// Whether the operator wants it given up (``StoreTransaction/wishCancelled(_:)``).
    public let isCancelled: Bool
    /// The message as it came; nil where it was left in the journal (``StoreSnapshot/body(of:)``).
    ///
    /// Drop it from an entry that waits: thousands may wait, and the journal has it. May hold secrets.
    public var body: [UInt8]?

    static let damagedOperation = ""

    /// Whether the disk has damaged its record: nothing is to be done for it but to tell so. What else it says is what
    /// could be read, and may be wrong; its message, where it is not empty, has a sum of its own.
    public var isDamaged: Bool { operation == Self.damagedOperation }

    public init(
        id: JournalID, form: WireForm, uniqueID: String? = nil, method: String, version: String, operation: String,
        instance: InstanceID? = nil, requestID: String? = nil, reply: ReplyAddress? = nil, receivedAt: Timestamp,
        step: [UInt8]? = nil, attempts: Int = 0, lastError: String? = nil, isCancelled: Bool = false,
        body: [UInt8]? = nil
    ) {
        self.id = id
        self.form = form
        self.uniqueID = uniqueID
        self.method = method
        self.version = version
        self.operation = operation
        self.instance = instance
        self.requestID = requestID
        self.reply = reply
        self.receivedAt = receivedAt
        self.step = step
        self.attempts = attempts
        self.lastError = lastError
        self.isCancelled = isCancelled
        self.body = body
    }
}

extension JournalEntry: CustomStringConvertible {
    /// Place and operation: the body may hold secrets.
    public var description: String { "entry \(id) (\(operation))" }
}

/// A message that is to be journaled.
public struct NewJournalEntry: Sendable {
    public let summary: MessageSummary
    /// The stable name of the operation.
    public let operation: String
    public let body: [UInt8]
    /// Whether the broker says that it delivered the message before.
    public let isRedelivered: Bool
    /// Which connection to the broker, or channel, brought it: another number for each, never 0.
    public let connection: UInt64
    public let receivedAt: Timestamp

    public init(
        summary: MessageSummary, operation: String, body: [UInt8], isRedelivered: Bool, connection: UInt64 = 1,
        receivedAt: Timestamp
    ) {
        self.summary = summary
        self.operation = operation
        self.body = body
        self.isRedelivered = isRedelivered
        self.connection = connection
        self.receivedAt = receivedAt
    }

    /// The entry that it becomes under `id`.
    public func entry(_ id: JournalID) -> JournalEntry {
        JournalEntry(
            id: id, form: summary.form, uniqueID: summary.uniqueID, method: summary.method, version: summary.version,
            operation: operation, instance: summary.instance, requestID: summary.requestID, reply: summary.reply,
            receivedAt: receivedAt, body: body)
    }
}

/// What became of a message that was offered to the journal.
public enum Acceptance: Sendable, Hashable {
    case accepted(JournalID)
    /// It is there already, and nothing was changed.
    case duplicate(of: JournalID, finished: Bool)
}

/// How the work on a journaled message ended.
public enum JournalOutcome: String, Sendable, Hashable, CaseIterable {
    case succeeded
    case failed
    /// A later request took its place.
    case superseded
    /// Refused before any side effect.
    case refused
    /// The operator gave it up.
    case cancelled
    /// It waited too long to be begun.
    case expired
}

/// A finished row that is kept so that a repeat of its message is recognised.
public struct FinishedEntry: Sendable, Hashable {
    public let id: JournalID
    public let operation: String
    public let instance: InstanceID?
    public let requestID: String?
    public let outcome: JournalOutcome
    public let finishedAt: Timestamp
    public let lastError: String?
}

/// A request about an instance that was done, as the record of done work has it.
public struct DoneWork: Sendable, Hashable {
    public let instance: InstanceID
    public let operation: String
    public let receivedAt: Timestamp
    /// What was written beside its end.
    public let note: String?
}
