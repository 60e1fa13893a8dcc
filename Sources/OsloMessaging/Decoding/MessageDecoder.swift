// SPDX-License-Identifier: Apache-2.0

public import ComputeModel

/// Makes a typed request of a message; what ``MessageScanner`` says of the same bytes is said here too.
public struct MessageDecoder: Sendable {
    /// The prefix of the keys that carry the requester's context.
    static let contextPrefix = "_context_"

    /// What one message may cost.
    public let limits: JSONLimits

    public init(limits: JSONLimits = JSONLimits()) { self.limits = limits }

    /// The request in a message of either generation.
    public func decode(_ body: [UInt8]) throws(MalformedMessage) -> RPCRequest {
        let (form, message) = try object(body)
        let fields = MessageFields(message)
        let summary = try fields.summary(form: form).get()
        return RPCRequest(
            form: form, method: summary.method, version: summary.version, namespace: summary.namespace,
            arguments: message["args"]?.object ?? JSONObject(), context: Self.context(message), reply: summary.reply,
            uniqueID: summary.uniqueID)
    }

    /// The message's own object, out of its envelope if it has one.
    func object(_ body: [UInt8]) throws(MalformedMessage) -> (form: WireForm, object: JSONObject) {
        let outer = try parse(form: .flat, part: "the body") { () throws(JSONError) in
            try JSONParser.parse(body, limits: limits)
        }
        guard let version = outer[Envelope.versionKey], let message = outer[Envelope.messageKey] else {
            return (.flat, outer)
        }
        guard case .string(let version) = version, Envelope.isReadable(version: version) else {
            throw MalformedMessage(.badEnvelope, "'oslo.version' must be a string of the form 2.0", form: .enveloped)
        }
        guard case .string(let text) = message else {
            throw MalformedMessage(.badEnvelope, "'oslo.message' must be a string", form: .enveloped)
        }
        let inner = try parse(form: .enveloped, part: "the text in 'oslo.message'") { () throws(JSONError) in
            try JSONParser.parse(text, limits: limits)
        }
        return (.enveloped, inner)
    }

    private func parse(
        form: WireForm, part: String, _ body: () throws(JSONError) -> JSONValue
    ) throws(MalformedMessage) -> JSONObject {
        let value: JSONValue
        do {
            value = try body()
        } catch {
            throw MalformedMessage(.notJSON, "\(part) is not JSON that can be read: \(error)", form: form)
        }
        guard case .object(let object) = value else {
            throw MalformedMessage(.notAnObject, "\(part) is not a JSON object", form: form)
        }
        return object
    }

    /// The requester's context: every key with the prefix, without it.
    static func context(_ message: JSONObject) -> RequestContext {
        var fields = JSONObject(minimumCapacity: message.count)
        for member in message.members where member.key.hasPrefix(contextPrefix) {
            let name = member.key.utf8.dropFirst(contextPrefix.utf8.count)
            fields.append(newKey: String(Substring(name)), member.value)
        }
        return RequestContext(fields: fields)
    }
}

extension MessageFields {
    init(_ message: JSONObject) {
        for member in message.members {
            switch member.key {
            case "method": method = Field(member.value)
            case "version": version = Field(member.value)
            case "namespace": namespace = Field(member.value)
            case "_unique_id": uniqueID = Field(member.value)
            case "_msg_id": messageID = Field(member.value)
            case "_reply_q": replyQueue = Field(member.value)
            case "_timeout": timeout = Field(member.value)
            case "_context_request_id": requestID = Field(member.value)
            case "args":
                arguments = Field(member.value)
                instance = member.value["instance"]?["uuid"]?.string.flatMap { InstanceID($0) }
                instanceUUID = member.value["instance_uuid"]?.string.flatMap { InstanceID($0) }
            default: break
            }
        }
    }
}

extension MessageFields.Field {
    fileprivate init(_ value: JSONValue) {
        switch value {
        case .null: self = .null
        case .object: self = .object
        case .string(let text): self = text.utf8.count <= MessageFields.longestText ? .text(text) : .tooLong
        case .number(let number): self = .number(number.int)
        case .bool, .array: self = .other
        }
    }
}
