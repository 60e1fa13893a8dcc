// SPDX-License-Identifier: Apache-2.0

public import ComputeModel

/// The place of a message in the outbox; greater is later.
public struct OutboxID: Hashable, Sendable, Comparable, CustomStringConvertible {
    public let value: Int64

    public init(_ value: Int64) { self.value = value }

    public var description: String { String(value) }

    public static func < (left: OutboxID, right: OutboxID) -> Bool { left.value < right.value }
}

/// A message that the broker is to get, ready for the wire.
public struct OutboxMessage: Sendable, Hashable {
    /// What kind of message it is; decides what becomes of one that no queue takes.
    public enum Kind: Int, Sendable, Hashable, CaseIterable {
        case notification = 0
        case reply = 1
        /// A cast to another service, such as a build handed back to the scheduler.
        case cast = 2
        case deadLetter = 3
    }

    /// Messages of one key leave one after the other; of different keys side by side.
    ///
    /// An instance's uuid for what is told of it; a key of its own (the message id) for a reply, which waits for none.
    public let orderingKey: String
    public let kind: Kind
    public let exchange: String
    public let routingKey: String
    /// Whether a message that reaches no queue is an error to us.
    public let isMandatory: Bool
    public let headers: [String: String]
    public let body: [UInt8]
    /// The instance that it is about, for what must be undone when nobody takes it.
    public let instance: InstanceID?
    /// Whether it tells what the notification of its instance that was put there before it tells, in another form or to
    /// another topic: both then have one sequence number. Not kept in the store.
    public let repeatsEvent: Bool
    /// What a cast asks for, as its trace tells it; nil for what leaves none. Not kept in the store.
    public let castMethod: String?

    public init(
        orderingKey: String, kind: Kind, exchange: String, routingKey: String, isMandatory: Bool,
        headers: [String: String] = [:], body: [UInt8], instance: InstanceID? = nil,
        repeatsEvent: Bool = false, castMethod: String? = nil
    ) {
        self.orderingKey = orderingKey
        self.kind = kind
        self.exchange = exchange
        self.routingKey = routingKey
        self.isMandatory = isMandatory
        self.headers = headers
        self.body = body
        self.instance = instance
        self.repeatsEvent = repeatsEvent
        self.castMethod = castMethod
    }
}

/// A message in the outbox with its place.
public struct OutboxRow: Sendable, Hashable, Identifiable {
    public let id: OutboxID
    public let message: OutboxMessage
    public let createdAt: Timestamp
    /// Which of its instance's events it tells, counted from 1 without a gap; nil for all but notifications of an
    /// instance. Stays the same however often the message is sent.
    public let sequence: Int64?

    public init(id: OutboxID, message: OutboxMessage, createdAt: Timestamp, sequence: Int64? = nil) {
        self.id = id
        self.message = message
        self.createdAt = createdAt
        self.sequence = sequence
    }
}

/// Which messages of the outbox to look at: replies and casts, for which somebody waits, do not stand behind events,
/// which may have a broker of their own that is away.
public enum OutboxPart: Sendable, Hashable, CaseIterable {
    case everything
    /// Replies, and casts to other services.
    case addressed
    case events
}
