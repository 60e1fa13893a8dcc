// SPDX-License-Identifier: Apache-2.0

package import ComputeManager
package import ComputeModel
package import OsloMessaging

/// The manager's messages in the wire room's words.
package struct WireMessageEncoder: MessageEncoder {
    let notifications: NotificationEncoder
    let replies: ReplyEncoder
    let controlExchange: String
    /// The queue of this host's dead letters.
    let deadLetterQueue: String

    package init(
        notifications: NotificationEncoder, replies: ReplyEncoder, controlExchange: String, deadLetterQueue: String
    ) {
        self.notifications = notifications
        self.replies = replies
        self.controlExchange = controlExchange
        self.deadLetterQueue = deadLetterQueue
    }

    package var sendsNotifications: Bool { !notifications.forms.isEmpty && !notifications.topics.isEmpty }

    package func notification(_ notification: Notification) -> [WireMessage] {
        notifications.encode(notification).map { WireMessage(.notification, $0) }
    }

    package func reply(_ result: JSONValue, to address: ReplyAddress) -> [WireMessage] {
        replies.success(result, to: address).map { WireMessage(.reply, $0) }
    }

    package func failure(_ fault: ComputeFault, to address: ReplyAddress) -> [WireMessage] {
        replies.failure(fault, to: address).map { WireMessage(.reply, $0) }
    }

    package func heartbeat(to address: ReplyAddress) -> WireMessage? {
        replies.heartbeat(to: address).map { WireMessage(.reply, $0) }
    }

    package func cast(_ cast: OutgoingCast) -> WireMessage {
        // Mandatory: a cast that reaches no queue would otherwise be lost without a word.
        WireMessage(
            kind: .cast, exchange: controlExchange, routingKey: cast.topic, isMandatory: true, body: body(of: cast))
    }

    package func fanout(_ cast: OutgoingCast) -> WireMessage {
        WireMessage(
            kind: .cast, exchange: "\(cast.topic)_fanout", routingKey: "", isMandatory: false, body: body(of: cast))
    }

    private func body(of cast: OutgoingCast) -> [UInt8] {
        RequestEncoder(form: cast.form, isNamed: cast.isNamed).encode(
            method: cast.method, version: cast.version, arguments: cast.arguments, context: cast.context,
            uniqueID: cast.uniqueID)
    }

    package func deadLetter(_ head: [UInt8], size: Int, fault: MalformedMessage) -> WireMessage {
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
package struct WireRequestDecoder: RequestDecoder {
    private let decoder = MessageDecoder()

    package init() {}

    package func decode(_ body: [UInt8]) throws(MalformedMessage) -> RPCRequest { try decoder.decode(body) }
}
