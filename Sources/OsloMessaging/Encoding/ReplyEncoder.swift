// SPDX-License-Identifier: Apache-2.0

public import ComputeModel

/// Writes the frames that answer a call, in the form that its caller reads.
///
/// A caller with a `_reply_q` reads one enveloped frame; one without reads Folsom's two after a success and one after a
/// failure. (Two frames with a null result crash oslo.messaging's client; one alone leaves Folsom's waiting.)
public struct ReplyEncoder: Sendable {
    private let identifiers: any IdentifierSource

    /// - Parameter identifiers: where the frames' `_unique_id` come from.
    public init(identifiers: any IdentifierSource = RandomIdentifiers()) { self.identifiers = identifiers }

    /// The frames of a successful reply, in order.
    public func success(_ result: JSONValue, to address: ReplyAddress) -> [EncodedMessage] {
        switch address {
        case .messageID:
            [
                message(["result": result, "failure": nil], to: address),
                message(["result": nil, "failure": nil, "ending": true], to: address),
            ]
        case .replyQueue:
            [message(["result": result, "failure": nil, "ending": true], to: address)]
        }
    }

    /// The frame of a failed call.
    public func failure(_ fault: ComputeFault, to address: ReplyAddress) -> [EncodedMessage] {
        let exception = RemoteException(fault, for: address.form)
        var frame: JSONObject = ["result": nil, "failure": .string(exception.text)]
        if case .replyQueue = address { frame.append(newKey: "ending", true) }
        return [message(frame, to: address)]
    }

    /// A frame that tells a waiting caller that the call is still running; nil where its form knows none or it asked
    /// for none. One is due every ``ReplyAddress/heartbeatInterval``.
    public func heartbeat(to address: ReplyAddress) -> EncodedMessage? {
        guard address.heartbeatInterval != nil else { return nil }
        return message(["result": nil, "failure": nil, "ending": false], to: address)
    }

    private func message(_ frame: JSONObject, to address: ReplyAddress) -> EncodedMessage {
        switch address {
        case .messageID(let id):
            return EncodedMessage(
                exchange: id, routingKey: id, isMandatory: true, body: Envelope.bytes(frame, form: .flat))
        case .replyQueue(let queue, let messageID, _):
            var frame = frame
            frame.append(newKey: "_msg_id", .string(messageID))
            frame.append(newKey: "_unique_id", .string(identifiers.next().hex))
            return EncodedMessage(
                exchange: "", routingKey: queue, isMandatory: true, body: Envelope.bytes(frame, form: .enveloped))
        }
    }
}

extension ReplyAddress {
    /// The form in which the caller reads its reply.
    public var form: WireForm {
        switch self {
        case .messageID: .flat
        case .replyQueue: .enveloped
        }
    }

    /// How long a running call may stay silent, in seconds: half of the caller's time-out; nil where none is awaited,
    /// or where the time-out is no sensible one.
    public var heartbeatInterval: Int? {
        guard case .replyQueue(_, _, let timeout?) = self, MessageFields.heartbeats.contains(timeout) else {
            return nil
        }
        return timeout / 2
    }
}
