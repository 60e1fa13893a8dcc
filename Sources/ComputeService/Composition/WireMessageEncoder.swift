// SPDX-License-Identifier: Apache-2.0

internal import ComputeManager
internal import ComputeModel
internal import OsloMessaging

/// The manager's messages in the wire room's words.
struct WireMessageEncoder: MessageEncoder {
    let notifications: NotificationEncoder
    let replies: ReplyEncoder
    let controlExchange: String
    /// The queue of this host's dead letters.
    let deadLetterQueue: String

    var sendsNotifications: Bool { !notifications.forms.isEmpty && !notifications.topics.isEmpty }

    func notification(_ notification: Notification) -> [WireMessage] {
        notifications.encode(notification).map { WireMessage(.notification, $0) }
    }

    func reply(_ result: JSONValue, to address: ReplyAddress) -> [WireMessage] {
        replies.success(result, to: address).map { WireMessage(.reply, $0) }
    }

    func failure(_ fault: ComputeFault, to address: ReplyAddress) -> [WireMessage] {
        replies.failure(fault, to: address).map { WireMessage(.reply, $0) }
    }

    func heartbeat(to address: ReplyAddress) -> WireMessage? {
        replies.heartbeat(to: address).map { WireMessage(.reply, $0) }
    }

    func cast(_ cast: OutgoingCast) -> WireMessage {
        let body = RequestEncoder(form: cast.form).encode(
            method: cast.method, version: cast.version, arguments: cast.arguments, context: cast.context,
            uniqueID: cast.uniqueID)
        // Mandatory: a cast that reaches no queue would otherwise be lost without a word.
        return WireMessage(
            kind: .cast, exchange: controlExchange, routingKey: cast.topic, isMandatory: true, body: body)
    }

    func deadLetter(_ head: [UInt8], size: Int, fault: MalformedMessage) -> WireMessage {
        WireMessage(.deadLetter, DeadLetter.encode(head, size: size, fault: fault, queue: deadLetterQueue))
    }
}

extension WireMessage {
    fileprivate init(_ kind: Kind, _ message: EncodedMessage) {
        self.init(
            kind: kind, exchange: message.exchange, routingKey: message.routingKey,
            isMandatory: message.isMandatory, body: message.body, headers: message.headers)
    }
}

/// The requests of either era, decoded by the wire room.
struct WireRequestDecoder: RequestDecoder {
    let decoder = MessageDecoder()

    func decode(_ body: [UInt8]) throws(MalformedMessage) -> RPCRequest { try decoder.decode(body) }
}
