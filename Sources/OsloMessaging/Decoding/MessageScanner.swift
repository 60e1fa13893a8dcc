// SPDX-License-Identifier: Apache-2.0

public import ComputeModel

/// Checks that a message is well formed and reads off it what its intake needs, without building a tree.
///
/// Recognises the generation of the wire by the message itself: one that holds both `oslo.version` and `oslo.message`
/// is an envelope, any other is flat. A key that is read and stands twice in its object is an error; duplicates among
/// the keys that are not read are found when the message is decoded.
public struct MessageScanner: Sendable {
    /// What one message may cost. At most 64 levels are followed, whatever `depth` says.
    public let limits: JSONLimits

    public init(limits: JSONLimits = JSONLimits()) { self.limits = limits }

    /// The summary of a message, or why it can't be taken in.
    public func scan(_ body: [UInt8]) -> Result<MessageSummary, MalformedMessage> {
        body.withUnsafeBufferPointer { scan($0) }
    }

    /// The summary of a message, or why it can't be taken in.
    public func scan(_ body: UnsafeBufferPointer<UInt8>) -> Result<MessageSummary, MalformedMessage> {
        guard let base = body.baseAddress else { return .failure(MalformedMessage(.notJSON, "the body is empty")) }
        var walk = MessageWalk(JSONScanner(base: base, count: body.count, limits: limits))
        defer { walk.inner?.deallocate() }
        if let fault = walk.run() { return .failure(fault.malformed(form: .flat, part: "the body")) }
        guard walk.isObject else { return .failure(MalformedMessage(.notAnObject, "the body is not a JSON object")) }
        guard let version = walk.envelopeVersion, walk.hasInner else { return walk.fields.summary(form: .flat) }

        guard case .text(let version) = version, Envelope.isReadable(version: version) else {
            return .failure(
                MalformedMessage(.badEnvelope, "'oslo.version' must be a string of the form 2.0", form: .enveloped))
        }
        guard let inner = walk.inner else {
            return .failure(MalformedMessage(.badEnvelope, "'oslo.message' must be a string", form: .enveloped))
        }
        var innerWalk = MessageWalk(JSONScanner(base: inner, count: walk.innerCount, limits: limits))
        defer { innerWalk.inner?.deallocate() }
        if let fault = innerWalk.run() {
            return .failure(fault.malformed(form: .enveloped, part: "the text in 'oslo.message'"))
        }
        guard innerWalk.isObject else {
            return .failure(
                MalformedMessage(.notAnObject, "the text in 'oslo.message' is not a JSON object", form: .enveloped))
        }
        return innerWalk.fields.summary(form: .enveloped)
    }
}

extension JSONScanner.Fault {
    fileprivate func malformed(form: WireForm, part: String) -> MalformedMessage {
        MalformedMessage(.notJSON, "\(part) is not JSON that can be read: \(reason) at byte \(offset)", form: form)
    }
}

/// One walk over one message; it notes the fields on its way.
private struct MessageWalk {
    var scanner: JSONScanner
    var fields = MessageFields()
    var isObject = false
    /// What stands under `oslo.version`; nil if nothing does.
    var envelopeVersion: MessageFields.Field?
    /// Whether there is an `oslo.message` of whatever kind.
    var hasInner = false
    /// The text that stands under `oslo.message`, if it is one; the owner deallocates it.
    var inner: UnsafeMutablePointer<UInt8>?
    var innerCount = 0
    private var seen: UInt32 = 0

    init(_ scanner: JSONScanner) { self.scanner = scanner }

    mutating func run() -> JSONScanner.Fault? {
        do throws(JSONScanner.Fault) {
            let first = try scanner.beginValue()
            if first == UInt8(ascii: "{") {
                isObject = true
                try message()
            } else {
                try scanner.skip(first, depth: 0)
            }
            scanner.skipSpace()
            guard scanner.index == scanner.count else {
                throw scanner.fault("text after the end of the document")
            }
            return nil
        } catch {
            return error
        }
    }

    private mutating func message() throws(JSONScanner.Fault) {
        guard try scanner.enterObject(depth: 0) else { return }
        repeat {
            let name = try key()
            let first = try scanner.beginValue()
            switch name {
            case .method: fields.method = try field(first)
            case .version: fields.version = try field(first)
            case .namespace: fields.namespace = try field(first)
            case .uniqueID: fields.uniqueID = try field(first)
            case .messageID: fields.messageID = try field(first)
            case .replyQueue: fields.replyQueue = try field(first)
            case .timeout: fields.timeout = try field(first)
            case .requestID: fields.requestID = try field(first)
            case .envelopeVersion: envelopeVersion = try field(first)
            case .arguments:
                if first == UInt8(ascii: "{") {
                    fields.arguments = .object
                    try arguments()
                } else {
                    fields.arguments = try field(first)
                }
            case .envelopeMessage:
                hasInner = true
                if first == UInt8(ascii: "\"") {
                    let buffer = UnsafeMutablePointer<UInt8>.allocate(capacity: scanner.count &- scanner.index &+ 8)
                    inner = buffer
                    innerCount = try scanner.unescapedString(into: buffer)
                } else {
                    try scanner.skip(first, depth: 1)
                }
            default: try scanner.skip(first, depth: 1)
            }
        } while try scanner.nextMember()
    }

    private mutating func arguments() throws(JSONScanner.Fault) {
        guard try scanner.enterObject(depth: 1) else { return }
        repeat {
            let name = try key(among: .instance, .instanceUUID)
            let first = try scanner.beginValue()
            switch (name, first) {
            case (.instance, UInt8(ascii: "{")): try instance()
            case (.instanceUUID, UInt8(ascii: "\"")): fields.instanceUUID = try uuid()
            default: try scanner.skip(first, depth: 2)
            }
        } while try scanner.nextMember()
    }

    private mutating func instance() throws(JSONScanner.Fault) {
        guard try scanner.enterObject(depth: 2) else { return }
        repeat {
            let name = try key(among: .uuid, .uuid)
            let first = try scanner.beginValue()
            if name == .uuid, first == UInt8(ascii: "\"") {
                fields.instance = try uuid()
            } else {
                try scanner.skip(first, depth: 3)
            }
        } while try scanner.nextMember()
    }

    /// The next key of the message itself.
    private mutating func key() throws(JSONScanner.Fault) -> Name? {
        let text = try scanner.key()
        return try note(withBytes(of: text) { Name(topLevel: $0) })
    }

    /// The next key, if it is one of two.
    private mutating func key(among one: Name, _ other: Name) throws(JSONScanner.Fault) -> Name? {
        let text = try scanner.key()
        return try note(withBytes(of: text) { one.matches($0) ? one : other.matches($0) ? other : nil })
    }

    private mutating func note(_ name: Name?) throws(JSONScanner.Fault) -> Name? {
        guard let name else { return nil }
        let bit: UInt32 = 1 << UInt32(name.rawValue)
        guard seen & bit == 0 else { throw scanner.fault("the same key twice in an object") }
        seen |= bit
        return name
    }

    /// Hands over what a string stands for.
    @inline(__always)
    private func withBytes<Value>(
        of text: JSONScanner.Text, _ body: (UnsafeBufferPointer<UInt8>) -> Value
    ) -> Value {
        // No key that is read is longer than this when every byte of it is an escape.
        guard text.hasEscapes, text.length <= 6 * 64 else {
            return body(UnsafeBufferPointer(start: scanner.base + text.start, count: text.length))
        }
        return unescaped(text, body)
    }

    @inline(never)
    private func unescaped<Value>(
        _ text: JSONScanner.Text, _ body: (UnsafeBufferPointer<UInt8>) -> Value
    ) -> Value {
        // The text with its quotes, walked before without a fault.
        var again = JSONScanner(base: scanner.base + text.start - 1, count: text.length + 2, limits: JSONLimits())
        let buffer = UnsafeMutablePointer<UInt8>.allocate(capacity: text.length + 16)
        defer { buffer.deallocate() }
        let count = (try? again.unescapedString(into: buffer)) ?? 0
        return body(UnsafeBufferPointer(start: buffer, count: count))
    }

    private mutating func field(_ first: UInt8) throws(JSONScanner.Fault) -> MessageFields.Field {
        switch first {
        case UInt8(ascii: "\""):
            let text = try scanner.string()
            guard text.length <= 6 * MessageFields.longestText else { return .tooLong }
            let limit = MessageFields.longestText
            guard text.hasEscapes else {
                guard text.length <= limit else { return .tooLong }
                return .text(
                    String(
                        decoding: UnsafeBufferPointer(start: scanner.base + text.start, count: text.length),
                        as: UTF8.self))
            }
            return unescaped(text) { $0.count <= limit ? .text(String(decoding: $0, as: UTF8.self)) : .tooLong }
        case UInt8(ascii: "n"):
            try scanner.word("null")
            return .null
        case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"):
            let spelling = try scanner.number()
            let bytes = UnsafeBufferPointer(start: scanner.base + spelling.lowerBound, count: spelling.count)
            let text = String(decoding: bytes, as: UTF8.self)
            return .number(Int(text) ?? Double(text).flatMap { Int(exactly: $0) })
        default:
            try scanner.skip(first, depth: 1)
            return .other
        }
    }

    private mutating func uuid() throws(JSONScanner.Fault) -> InstanceID? {
        let text = try scanner.string()
        return withBytes(of: text) { InstanceID(utf8: $0) }
    }
}

/// The keys that are read.
private enum Name: UInt8 {
    case method, version, namespace, uniqueID, messageID, replyQueue, timeout, requestID, arguments
    case envelopeVersion, envelopeMessage
    case instance, instanceUUID, uuid

    private var spelling: StaticString {
        switch self {
        case .method: "method"
        case .version: "version"
        case .namespace: "namespace"
        case .uniqueID: "_unique_id"
        case .messageID: "_msg_id"
        case .replyQueue: "_reply_q"
        case .timeout: "_timeout"
        case .requestID: "_context_request_id"
        case .arguments: "args"
        case .envelopeVersion: "oslo.version"
        case .envelopeMessage: "oslo.message"
        case .instance: "instance"
        case .instanceUUID: "instance_uuid"
        case .uuid: "uuid"
        }
    }

    /// Chooses by the length, which most of the other keys miss.
    init?(topLevel bytes: UnsafeBufferPointer<UInt8>) {
        let candidates: (Name, Name?)
        switch bytes.count {
        case 4: candidates = (.arguments, nil)
        case 6: candidates = (.method, nil)
        case 7: candidates = (.version, .messageID)
        case 8: candidates = (.replyQueue, .timeout)
        case 9: candidates = (.namespace, nil)
        case 10: candidates = (.uniqueID, nil)
        case 12: candidates = (.envelopeVersion, .envelopeMessage)
        case 19: candidates = (.requestID, nil)
        default: return nil
        }
        if candidates.0.matches(bytes) {
            self = candidates.0
        } else if let second = candidates.1, second.matches(bytes) {
            self = second
        } else {
            return nil
        }
    }

    @inline(__always)
    func matches(_ bytes: UnsafeBufferPointer<UInt8>) -> Bool {
        let spelling = spelling
        guard spelling.utf8CodeUnitCount == bytes.count else { return false }
        for position in 0..<bytes.count where spelling.utf8Start[position] != bytes[position] { return false }
        return true
    }
}
