// SPDX-License-Identifier: Apache-2.0

public import ComputeModel

/// Writes the casts and calls that we send, in either form.
public struct RequestEncoder: Sendable {
    /// The form that the receiver reads.
    public let form: WireForm
    /// Whether a flat message has its unique id too: a worker knows a repeat by it, Folsom's services pass over it.
    public let isNamed: Bool

    public init(form: WireForm, isNamed: Bool = false) {
        self.form = form
        self.isNamed = isNamed
    }

    /// Where the answer to a call of ours is awaited.
    public struct ReplyTo: Sendable, Hashable {
        public let messageID: UniqueBits
        /// oslo.messaging's reply queue; nil for Folsom's form, where the message id names exchange and queue.
        public let queue: String?
        /// Seconds after which a call without a heartbeat is given up; the server then sends two in that time.
        public let monitorTimeout: Int?

        public init(messageID: UniqueBits, queue: String? = nil, monitorTimeout: Int? = nil) {
            self.messageID = messageID
            self.queue = queue
            self.monitorTimeout = monitorTimeout
        }
    }

    /// The bytes of a cast, or of a call if `replyTo` is given.
    ///
    /// - Parameters:
    ///   - version: nil leaves the key out, as Folsom does towards nova-network and nova-volume.
    ///   - uniqueID: what a receiver recognises a repeat by; a flat message carries it only where it is to be named.
    public func encode(
        method: String, version: String?, namespace: String? = nil, arguments: JSONObject, context: RequestContext,
        uniqueID: UniqueBits, replyTo: ReplyTo? = nil
    ) -> [UInt8] {
        var message: JSONObject = ["method": .string(method), "args": .object(arguments)]
        if let version { message.append(newKey: "version", .string(version)) }
        if let namespace { message.append(newKey: "namespace", .string(namespace)) }
        if let replyTo {
            message.append(newKey: "_msg_id", .string(replyTo.messageID.hex))
            if let queue = replyTo.queue {
                message.append(newKey: "_reply_q", .string(queue))
                message.append(newKey: "_timeout", JSONValue(replyTo.monitorTimeout))
            }
        }
        if form == .enveloped || isNamed { message.append(newKey: "_unique_id", .string(uniqueID.hex)) }
        message.append(context)
        return Envelope.bytes(message, form: form)
    }
}
