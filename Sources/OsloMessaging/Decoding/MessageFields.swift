// SPDX-License-Identifier: Apache-2.0

internal import ComputeModel

/// The fields of a request that its summary is made of, as found; scanner and decoder judge them by the same rules.
struct MessageFields {
    /// What stands under a key.
    enum Field {
        case absent, null, object, tooLong, other
        case text(String)
        case number(Int?)
    }

    /// The longest method, version, id or namespace that is read, in bytes.
    static let longestText = 255

    var method = Field.absent
    var version = Field.absent
    var namespace = Field.absent
    var uniqueID = Field.absent
    var messageID = Field.absent
    var replyQueue = Field.absent
    var timeout = Field.absent
    var requestID = Field.absent
    var arguments = Field.absent
    /// The uuid in `args.instance`.
    var instance: InstanceID?
    /// `args.instance_uuid`.
    var instanceUUID: InstanceID?

    /// The time-outs, in seconds, whose callers are sent heartbeats: shorter ones can't be kept, longer ones are nonsense.
    static let heartbeats = 2...86_400

    /// Where the caller waits, if it named a place that we would publish to.
    var reply: ReplyAddress? {
        guard case .text(let messageID) = messageID, ReplyName.isMessageID(messageID) else { return nil }
        switch replyQueue {
        case .absent, .null: return .messageID(messageID)
        case .text(let queue) where ReplyName.isReplyQueue(queue):
            guard case .number(let seconds?) = timeout, Self.heartbeats.contains(seconds) else {
                return .replyQueue(name: queue, messageID: messageID, heartbeat: nil)
            }
            return .replyQueue(name: queue, messageID: messageID, heartbeat: seconds)
        default: return nil
        }
    }

    /// What a well-formed message says, or what is wrong with it.
    func summary(form: WireForm) -> Result<MessageSummary, MalformedMessage> {
        func malformed(
            _ reason: MalformedMessage.Reason, _ detail: String
        ) -> Result<MessageSummary, MalformedMessage> {
            .failure(MalformedMessage(reason, detail, reply: reply, form: form))
        }
        let method: String
        switch self.method {
        case .absent, .null: return malformed(.noMethod, "the message names no method")
        case .text(let text): method = text
        default: return malformed(.badField, "'method' must be a string of at most \(Self.longestText) bytes")
        }
        let version: String
        switch self.version {
        // Nova reads an empty version as it reads none.
        case .absent, .null, .text(""): version = "1.0"
        case .text(let text): version = text
        default: return malformed(.badField, "'version' must be a string of at most \(Self.longestText) bytes")
        }
        guard let namespace = Self.optionalText(self.namespace) else {
            return malformed(.badField, "'namespace' must be a string of at most \(Self.longestText) bytes")
        }
        guard let uniqueID = Self.optionalText(self.uniqueID) else {
            return malformed(.badField, "'_unique_id' must be a string of at most \(Self.longestText) bytes")
        }
        switch arguments {
        case .absent, .object: break
        default: return malformed(.badField, "'args' must be an object")
        }
        var requestID: String?
        if case .text(let text) = self.requestID { requestID = text }
        return .success(
            MessageSummary(
                form: form, method: method, version: version, namespace: namespace, uniqueID: uniqueID, reply: reply,
                instance: instance ?? instanceUUID, requestID: requestID))
    }

    /// The text or nothing of a field that may be absent; nil for what is neither.
    private static func optionalText(_ field: Field) -> String?? {
        switch field {
        case .absent, .null, .text(""): .some(nil)
        case .text(let text): .some(text)
        default: nil
        }
    }
}

/// oslo.messaging's envelope.
enum Envelope {
    static let versionKey = "oslo.version"
    static let messageKey = "oslo.message"
    /// The version that is written.
    static let version = "2.0"

    /// Whether a message in an envelope of this version can be read: major 2, minor not above 0.
    static func isReadable(version: String) -> Bool {
        RPCVersion(2, 0).verdict(on: version) == .compatible
    }
}
