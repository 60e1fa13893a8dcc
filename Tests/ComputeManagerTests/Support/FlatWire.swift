// SPDX-License-Identifier: Apache-2.0

import ComputeManager
import ComputeModel
import Synchronization

/// The wire room as the manager's tests need it: flat JSON both ways, nothing of envelopes.
struct FlatWire: MessageEncoder, RequestDecoder {
    func decode(_ body: [UInt8]) throws(MalformedMessage) -> RPCRequest {
        guard let object = (try? JSONParser.parse(body))?.object else {
            throw MalformedMessage(.notJSON, "not an object")
        }
        var context = JSONObject()
        for member in object.members where member.key.hasPrefix("_context_") {
            context[String(member.key.dropFirst(9))] = member.value
        }
        return RPCRequest(
            form: .flat, method: object["method"]?.string ?? "", version: object["version"]?.string ?? "1.0",
            arguments: object["args"]?.object ?? JSONObject(), context: RequestContext(fields: context),
            reply: object["_msg_id"]?.string.map { .messageID($0) })
    }

    let sendsNotifications = true
    /// How many messages an event becomes.
    var forms = 1

    func notification(_ notification: Notification) -> [WireMessage] {
        let body: JSONValue = [
            "event_type": .string(notification.eventType), "publisher_id": .string(notification.publisherID),
            "priority": .string(notification.priority.rawValue), "payload": notification.payload,
            "message_id": .string(notification.messageID.dashed), "timestamp": .string(notification.timestamp.spaced),
            "context": .object(notification.context.fields),
        ]
        let key = "notifications.\(notification.priority.rawValue.lowercased())"
        return (0..<forms).map { message(.notification, $0 == 0 ? key : "\(key).\($0)", body) }
    }

    func reply(_ result: JSONValue, to address: ReplyAddress) -> [WireMessage] {
        [message(.reply, name(address), ["result": result, "failure": nil])]
    }

    func failure(_ fault: ComputeFault, to address: ReplyAddress) -> [WireMessage] {
        [message(.reply, name(address), ["result": nil, "failure": .string(fault.kind.rawValue)])]
    }

    func heartbeat(to address: ReplyAddress) -> WireMessage? {
        guard case .replyQueue = address else { return nil }
        return message(.reply, name(address), ["heartbeat": true])
    }

    func cast(_ cast: OutgoingCast) -> WireMessage {
        message(
            .cast, cast.topic,
            [
                "method": .string(cast.method), "version": .string(cast.version), "args": .object(cast.arguments),
                "context": .object(cast.context.fields), "form": .string(cast.form.rawValue),
                "is_named": .bool(cast.isNamed),
            ])
    }

    func fanout(_ cast: OutgoingCast) -> WireMessage {
        let message = self.cast(cast)
        return WireMessage(
            kind: .cast, exchange: "\(cast.topic)_fanout", routingKey: "", isMandatory: false, body: message.body)
    }

    func deadLetter(_ head: [UInt8], size: Int, fault: MalformedMessage) -> WireMessage {
        message(.deadLetter, "dead", ["reason": .string(fault.reason.rawValue)])
    }

    private func name(_ address: ReplyAddress) -> String {
        switch address {
        case .messageID(let id): id
        case .replyQueue(let name, _, _): name
        }
    }

    private func message(_ kind: WireMessage.Kind, _ key: String, _ body: JSONValue) -> WireMessage {
        WireMessage(
            kind: kind, exchange: "nova", routingKey: key, isMandatory: kind == .cast, body: JSONWriter.bytes(body))
    }
}

/// Takes everything and remembers it.
final class RecordingSink: MessageSink {
    private let messages = Mutex<[WireMessage]>([])
    private let arrivals: AsyncStream<WireMessage>
    private let arrival: AsyncStream<WireMessage>.Continuation

    init() { (arrivals, arrival) = AsyncStream.makeStream() }

    func publish(_ message: WireMessage) async throws(DeliveryFailure) {
        messages.withLock { $0.append(message) }
        arrival.yield(message)
    }

    var published: [WireMessage] { messages.withLock { $0 } }

    /// The next message that arrives; for one reader.
    func next() async -> WireMessage? {
        for await message in arrivals { return message }
        return nil
    }
}
