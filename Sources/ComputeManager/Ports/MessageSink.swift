// SPDX-License-Identifier: Apache-2.0

public import ComputeModel

/// Where everything goes that the worker sends; the broker, seen from the manager.
public protocol MessageSink: Sendable {
    /// Publishes and returns when the broker has confirmed. Waits through an outage until its task is cancelled.
    func publish(_ message: WireMessage) async throws(DeliveryFailure)
}

/// Makes wire-ready messages; the wire room's work, done once when a row is written, not each time it is sent.
public protocol MessageEncoder: Sendable {
    /// Whether ``notification(_:)`` makes anything at all; where it does not, nothing is put together for it.
    var sendsNotifications: Bool { get }

    /// One message per configured form and topic; none where notifications are switched off.
    func notification(_ notification: Notification) -> [WireMessage]

    /// The frames of a successful reply, in order.
    func reply(_ result: JSONValue, to address: ReplyAddress) -> [WireMessage]

    /// The frame of a failed call.
    func failure(_ fault: ComputeFault, to address: ReplyAddress) -> [WireMessage]

    /// A frame that tells a waiting caller that the call is still running; nil where its form knows none.
    func heartbeat(to address: ReplyAddress) -> WireMessage?

    /// A cast to another service (`scheduler`, or a host of it).
    func cast(_ cast: OutgoingCast) -> WireMessage

    /// A cast to all that serve a topic; nobody may be there.
    func fanout(_ cast: OutgoingCast) -> WireMessage

    /// What becomes of a message that can't be taken in: its beginning, its size and the reason.
    func deadLetter(_ head: [UInt8], size: Int, fault: MalformedMessage) -> WireMessage
}

/// A message ready for the broker, with all that is needed to send it again after a restart.
public struct WireMessage: Sendable, Hashable {
    public enum Kind: String, Sendable, Hashable {
        case notification, reply, cast, deadLetter = "dead-letter"
    }

    public let kind: Kind
    public let exchange: String
    public let routingKey: String
    /// Whether a message that reaches no queue is an error to us.
    public let isMandatory: Bool
    public let body: [UInt8]
    /// Header values that go with it (`x-reason`).
    public let headers: [String: String]
    /// The number of this event among its instance's, from 1 without a gap, the same each time that it is sent; nil
    /// where nothing is numbered.
    public let sequence: Int64?

    public init(
        kind: Kind, exchange: String, routingKey: String, isMandatory: Bool, body: [UInt8],
        headers: [String: String] = [:], sequence: Int64? = nil
    ) {
        self.kind = kind
        self.exchange = exchange
        self.routingKey = routingKey
        self.isMandatory = isMandatory
        self.body = body
        self.headers = headers
        self.sequence = sequence
    }
}

/// A cast to another service.
public struct OutgoingCast: Sendable {
    /// The form that the other service reads: the one in which its own request came (Folsom's drop an envelope).
    public let form: WireForm
    public let topic: String
    public let method: String
    public let version: String
    public let arguments: JSONObject
    /// The requester's context, token included: the other service acts in the requester's name.
    public let context: RequestContext
    public let uniqueID: UniqueBits
    /// Whether it carries its id in either form: what a crash makes the outbox send again, maybe to this worker itself,
    /// is one wish.
    public let isNamed: Bool

    public init(
        form: WireForm, topic: String, method: String, version: String, arguments: JSONObject, context: RequestContext,
        uniqueID: UniqueBits, isNamed: Bool = false
    ) {
        self.form = form
        self.topic = topic
        self.method = method
        self.version = version
        self.arguments = arguments
        self.context = context
        self.uniqueID = uniqueID
        self.isNamed = isNamed
    }
}

/// Why a message was not taken by the broker.
public enum DeliveryFailure: Error, Sendable, Hashable, CustomStringConvertible {
    /// No queue is bound for it (`basic.return`).
    case unroutable(String)
    /// The broker refused it (`basic.nack`): a full queue, a failing disk.
    case refused(String)
    /// The broker can't be reached, or the connection went before the confirm: it may or may not have arrived.
    case unavailable(String)
    /// The sender was shut down.
    case closed

    public var description: String {
        switch self {
        case .unroutable(let detail): "no queue took the message (\(detail))"
        case .refused(let detail): "the broker refused the message (\(detail))"
        case .unavailable(let detail): "the broker can't be reached (\(detail))"
        case .closed: "the publisher is closed"
        }
    }
}
