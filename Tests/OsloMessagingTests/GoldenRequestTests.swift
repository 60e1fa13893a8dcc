// SPDX-License-Identifier: Apache-2.0

import ComputeModel
import OsloMessaging
import Testing

@Suite("Every recorded request is understood")
struct GoldenRequestTests {
    @Test("the recordings are there")
    func recordings() throws {
        #expect(try Golden.requests().count == 45)
        #expect(try Golden.replies().count == 29)
        #expect(try Golden.notifications().count == 50)
    }

    @Test("scanner and decoder read the same out of it, and all of it", arguments: try Golden.requests())
    func understood(message: Golden.Message) throws {
        let content = try message.content()
        let request = try MessageDecoder().decode(message.body)
        let summary = try MessageScanner().scan(message.body).get()
        #expect(request.form == (message.isEnveloped ? .enveloped : .flat))
        #expect(request.method == content["method"]?.string)
        #expect(request.version == content["version"]?.string ?? "1.0")
        #expect(request.uniqueID == content["_unique_id"]?.string)
        #expect(.object(request.arguments) == content["args"])
        #expect(request.context.requestID == content["_context_request_id"]?.string)
        let contextKeys = content.keys.filter { $0.hasPrefix("_context_") }
        #expect(request.context.fields.keys.map { "_context_" + $0 } == contextKeys)

        #expect(summary == MessageSummary(of: request))
        #expect(
            summary.instance?.description == content["args"]?["instance"]?["uuid"]?.string
                ?? content["args"]?["instance_uuid"]?.string)
        switch summary.reply {
        case nil: #expect(content["_msg_id"] == nil)
        case .messageID(let id)?:
            #expect(content["_msg_id"]?.string == id)
            #expect(content["_reply_q"] == nil)
        case .replyQueue(let queue, let id, let heartbeat)?:
            #expect(content["_msg_id"]?.string == id)
            #expect(content["_reply_q"]?.string == queue)
            #expect(content["_timeout"]?.int == heartbeat)
        }
    }

    @Test("written again, it says the same", arguments: try Golden.requests())
    func reencoded(message: Golden.Message) throws {
        let request = try MessageDecoder().decode(message.body)
        let content = try message.content()
        let replyTo = try request.reply.map { reply in
            switch reply {
            case .messageID(let id): RequestEncoder.ReplyTo(messageID: try bits(id))
            case .replyQueue(let queue, let id, let heartbeat):
                RequestEncoder.ReplyTo(messageID: try bits(id), queue: queue, monitorTimeout: heartbeat)
            }
        }
        let body = RequestEncoder(form: request.form).encode(
            method: request.method, version: content["version"].map { _ in request.version },
            namespace: request.namespace, arguments: request.arguments, context: request.context,
            uniqueID: try request.uniqueID.map(bits) ?? RandomIdentifiers().next(), replyTo: replyTo)
        #expect(try JSONParser.parse(body)["oslo.version"] == JSONParser.parse(message.body)["oslo.version"])
        let again = Golden.Message(file: "", role: "", exchange: "", routingKey: "", body: body)
        #expect(try again.content() == content)
    }

    @Test("a flat cast to a worker has an id that tells a repeat, and else what Folsom's has")
    func named() throws {
        let id = UniqueBits(high: 1, low: 2)
        let bodies = [true, false].map { isNamed in
            RequestEncoder(form: .flat, isNamed: isNamed).encode(
                method: "finish_resize", version: "2.0", arguments: [:], context: .test, uniqueID: id)
        }
        let (named, plain) = (try JSONParser.parse(bodies[0]).object, try JSONParser.parse(bodies[1]).object)
        #expect(try MessageScanner().scan(bodies[0]).get().uniqueID == id.hex)
        #expect(try MessageScanner().scan(bodies[0]).get().form == .flat)
        #expect(plain?["_unique_id"] == nil)
        #expect(named?.members.filter { $0.key != "_unique_id" } == plain?.members)
    }

    private static let changes: [(key: String, change: @Sendable (inout Instance) -> Void)] = [
        ("vm_state", { $0.vmState = .error }), ("task_state", { $0.taskState = .imageBackup }),
        ("power_state", { $0.powerState = .suspended }), ("host", { $0.host = "elsewhere" }),
        ("launched_at", { $0.launchedAt = Timestamp(microseconds: 1) }),
    ]

    @Test("its instance loses nothing through the typed one; a changed field alone differs", arguments: changes.indices)
    func instance(index: Int) throws {
        let (key, change) = Self.changes[index]
        var seen = 0
        for message in try Golden.requests() {
            let request = try MessageDecoder().decode(message.body)
            guard let fields = request.arguments["instance"]?.object, fields["vm_state"] != nil else { continue }
            var instance = try Instance(fields: fields)
            #expect(JSONWriter.text(instance.json) == JSONWriter.text(.object(fields)))
            change(&instance)
            let differing = zip(fields.members, instance.fields.members).filter { $0 != $1 }.map(\.0.key)
            #expect(differing == [key], "\(message.file)")
            seen += 1
        }
        #expect(seen > 20)
    }

    private func bits(_ hex: String) throws -> UniqueBits {
        let high = try #require(UInt64(hex.prefix(16), radix: 16))
        let low = try #require(UInt64(hex.suffix(16), radix: 16))
        return UniqueBits(high: high, low: low)
    }
}

extension MessageSummary {
    /// What the scanner must say of a message that decodes to this request.
    init(of request: RPCRequest) {
        let instance = request.arguments["instance"]?["uuid"]?.string.flatMap { InstanceID($0) }
        let other = request.arguments["instance_uuid"]?.string.flatMap { InstanceID($0) }
        let requestID = request.context.requestID.flatMap { $0.utf8.count <= 255 ? $0 : nil }
        self.init(
            form: request.form, method: request.method, version: request.version, namespace: request.namespace,
            uniqueID: request.uniqueID, reply: request.reply, instance: instance ?? other, requestID: requestID)
    }
}
