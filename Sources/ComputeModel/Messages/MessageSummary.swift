// SPDX-License-Identifier: Apache-2.0

/// What is read off an incoming message before it is journaled: enough to find its lane, not to do its work.
public struct MessageSummary: Sendable, Hashable {
    public let form: WireForm
    public let method: String
    /// The RPC version; "1.0" where the sender says none.
    public let version: String
    public let namespace: String?
    /// The sender's id of the message (`_unique_id`); Folsom's messages have none.
    public let uniqueID: String?
    /// Where the caller waits; nil for a cast, or where the reply name is not one that we would publish to.
    public let reply: ReplyAddress?
    /// The instance that the message is about (`args.instance.uuid` or `args.instance_uuid`).
    public let instance: InstanceID?
    /// `_context_request_id`.
    public let requestID: String?

    public init(
        form: WireForm, method: String, version: String, namespace: String? = nil, uniqueID: String? = nil,
        reply: ReplyAddress? = nil, instance: InstanceID? = nil, requestID: String? = nil
    ) {
        self.form = form
        self.method = method
        self.version = version
        self.namespace = namespace
        self.uniqueID = uniqueID
        self.reply = reply
        self.instance = instance
        self.requestID = requestID
    }
}

/// Why a message can't be taken in.
public struct MalformedMessage: Error, Sendable, Hashable, CustomStringConvertible {
    /// A word for counters and the dead letter's `x-reason`.
    public enum Reason: String, Sendable, Hashable, CaseIterable {
        case notJSON = "not-json"
        case notAnObject = "not-an-object"
        case badEnvelope = "bad-envelope"
        case noMethod = "no-method"
        case badField = "bad-field"
        case tooLarge = "too-large"
        case contentType = "content-type"
        case unknownMethod = "unknown-method"
        case unsupportedVersion = "unsupported-version"
    }

    public let reason: Reason
    /// What is wrong, without quoting the message: it may hold secrets.
    public let detail: String
    /// Where a reply can still be sent, if the message said so before it went wrong.
    public let reply: ReplyAddress?
    public let form: WireForm

    public init(_ reason: Reason, _ detail: String, reply: ReplyAddress? = nil, form: WireForm = .flat) {
        self.reason = reason
        self.detail = detail
        self.reply = reply
        self.form = form
    }

    public var description: String { "\(reason.rawValue): \(detail)" }
}
