// SPDX-License-Identifier: Apache-2.0

import ComputeModel
import OsloMessaging
import Testing

@Suite("A message is judged before it is taken in")
struct MessageScannerTests {
    private func scan(_ text: String) -> Result<MessageSummary, MalformedMessage> {
        MessageScanner().scan(Array(text.utf8))
    }

    private func envelope(_ inner: String, version: String = "\"2.0\"") -> String {
        "{\"oslo.version\":\(version),\"oslo.message\":\(JSONWriter.text(.string(inner)))}"
    }

    @Test(
        "what is wrong has a word",
        arguments: [
            ("", .notJSON), ("{", .notJSON), ("{}x", .notJSON), ("{\"method\":\"a\",}", .notJSON), ("[]", .notAnObject),
            ("null", .notAnObject), ("\"text\"", .notAnObject), ("{}", .noMethod), ("{\"args\":{}}", .noMethod),
            ("{\"method\":null}", .noMethod), ("{\"method\":7}", .badField),
            ("{\"method\":\"a\",\"args\":null}", .badField),
            ("{\"method\":\"a\",\"args\":[]}", .badField), ("{\"method\":\"a\",\"version\":2}", .badField),
            ("{\"method\":\"a\",\"namespace\":{}}", .badField), ("{\"method\":\"a\",\"_unique_id\":5}", .badField),
            ("{\"method\":\"a\",\"method\":\"b\"}", .notJSON), ("{\"method\":\"a\",\"m\\u0065thod\":\"b\"}", .notJSON),
            ("{\"method\":\"a\",\"args\":{\"instance\":1,\"instance\":2}}", .notJSON),
            ("{\"method\":\"\\ud800\"}", .notJSON), ("{\"oslo.version\":\"2.0\"}", .noMethod),
            ("{\"oslo.message\":\"{}\"}", .noMethod), ("{\"oslo.version\":2.0,\"oslo.message\":\"{}\"}", .badEnvelope),
            ("{\"oslo.version\":\"2.0\",\"oslo.message\":{}}", .badEnvelope),
            ("{\"oslo.version\":\"2.0\",\"oslo.message\":null}", .badEnvelope),
            ("{\"oslo.version\":\"2.1\",\"oslo.message\":\"{}\"}", .badEnvelope),
            ("{\"oslo.version\":\"3.0\",\"oslo.message\":\"{}\"}", .badEnvelope),
            ("{\"oslo.version\":\"2\",\"oslo.message\":\"{}\"}", .badEnvelope),
            ("{\"oslo.version\":\"2.0\",\"oslo.message\":\"{\"}", .notJSON),
            ("{\"oslo.version\":\"2.0\",\"oslo.message\":\"[]\"}", .notAnObject),
            ("{\"oslo.version\":\"2.0\",\"oslo.message\":\"{}\"}", .noMethod),
        ] as [(String, MalformedMessage.Reason)])
    func reasons(text: String, reason: MalformedMessage.Reason) throws {
        let fault = try #require(throws: MalformedMessage.self) { try scan(text).get() }
        #expect(fault.reason == reason)
        let decoded = try #require(throws: MalformedMessage.self) { try MessageDecoder().decode(Array(text.utf8)) }
        #expect(decoded.reason == reason)
    }

    @Test("a message of well-formed nonsense is answered where its caller waits")
    func reply() throws {
        let id = "dc696ddd207a4124aceb43b534cff51a"
        let flat = try #require(throws: MalformedMessage.self) {
            try scan("{\"args\":5,\"method\":\"a\",\"_msg_id\":\"\(id)\"}").get()
        }
        #expect(flat.reply == .messageID(id))
        #expect(flat.form == .flat)
        let enveloped = try #require(throws: MalformedMessage.self) {
            try scan(envelope("{\"_msg_id\":\"\(id)\",\"_reply_q\":\"reply_\(id)\",\"_timeout\":4}")).get()
        }
        #expect(enveloped.reply == .replyQueue(name: "reply_\(id)", messageID: id, heartbeat: 4))
        #expect(enveloped.form == .enveloped)
    }

    @Test(
        "a reply goes only to a name of the forms that nova and oslo.messaging make",
        arguments: [
            ("dc696ddd207a4124aceb43b534cff51a", nil, true), ("DC696DDD207A4124ACEB43B534CFF51A", nil, true),
            ("dc696ddd207a4124aceb43b534cff51", nil, false), ("dc696ddd207a4124aceb43b534cff51g", nil, false),
            ("notifications.info", nil, false), ("", nil, false), ("dc696ddd-207a-4124-aceb-43b534cff51a", nil, false),
            (id, "reply_5ed10e28cd124e12b92a8b202c51fd37", true), (id, "reply_host-1.example:nova-api:17", true),
            (id, "reply_host:proc:", false), (id, "reply_host:proc", false), (id, "reply_host:proc:1:2", false),
            (id, "reply_:proc:1", false), (id, "reply_ho st:proc:1", false), (id, "reply_ho*st:proc:1", false),
            (id, "reply_höst:proc:1", false), (id, "reply_host:proc:x", false), (id, "compute", false), (id, "", false),
            (id, "notifications.info", false), (id, "reply_5ed10e28cd124e12b92a8b202c51fd3", false),
            (id, "compute.host:5ed10e28cd124e12b92a8b202c51fd37", false),
            (id, "reply_\(String(repeating: "h", count: 300)):proc:1", false),
        ] as [(String, String?, Bool)])
    func replyNames(messageID: String, queue: String?, isAnswered: Bool) throws {
        var message: JSONObject = ["method": "a", "_msg_id": .string(messageID)]
        if let queue { message["_reply_q"] = .string(queue) }
        let summary = try scan(JSONWriter.text(.object(message))).get()
        #expect((summary.reply != nil) == isAnswered)
        guard isAnswered else { return }
        #expect(
            summary.reply
                == (queue.map { .replyQueue(name: $0, messageID: messageID, heartbeat: nil) } ?? .messageID(messageID)))
    }

    private static let id = "dc696ddd207a4124aceb43b534cff51a"

    @Test(
        "a heartbeat is promised for a whole number of seconds from 2 to a day only",
        arguments: [
            ("null", nil), ("30", 30), ("30.0", 30), ("3e1", 30), ("30.5", nil), ("0", nil), ("-4", nil),
            ("\"30\"", nil),
            ("true", nil), ("1e400", nil), ("1", nil), ("2", 2), ("86400", 86_400), ("86401", nil),
            ("9223372036854775807", nil),
        ] as [(String, Int?)])
    func heartbeats(text: String, seconds: Int?) throws {
        let queue = "reply_\(Self.id)"
        let message = """
            {"_timeout": \(text), "_msg_id": "\(Self.id)", "method": "a", "_reply_q": "\(queue)"}
            """
        let expected = ReplyAddress.replyQueue(name: queue, messageID: Self.id, heartbeat: seconds)
        #expect(try scan(message).get().reply == expected)
        #expect(try MessageDecoder().decode(Array(message.utf8)).reply == expected)
    }

    @Test("keys and values that are written with escapes are the same keys and values")
    func escapes() throws {
        let text = """
            {"\\u006dethod":"run\\u005finstance","\\u0076ersion":"2\\u002e1",\
            "args":{"in\\u0073tance":{"u\\u0075id":"f53be0a8\\u002d2c05-413b-b16b-7b044ffa6469"}}}
            """
        let summary = try scan(text).get()
        #expect(summary.method == "run_instance")
        #expect(summary.version == "2.1")
        #expect(summary.instance?.description == "f53be0a8-2c05-413b-b16b-7b044ffa6469")
        #expect(try scan(envelope(text)).get().instance == summary.instance)
        #expect(try MessageSummary(of: MessageDecoder().decode(Array(text.utf8))) == summary)
    }

    @Test("the instance is looked for in the arguments alone")
    func instance() throws {
        let uuid = "f53be0a8-2c05-413b-b16b-7b044ffa6469"
        func instance(_ text: String) throws -> String? { try scan(text).get().instance?.description }
        #expect(try instance("{\"method\":\"a\",\"args\":{\"instance_uuid\":\"\(uuid)\"}}") == uuid)
        #expect(try instance("{\"method\":\"a\",\"args\":{\"instance\":{\"id\":1,\"uuid\":\"\(uuid)\"}}}") == uuid)
        #expect(try instance("{\"method\":\"a\",\"instance_uuid\":\"\(uuid)\"}") == nil)
        #expect(try instance("{\"method\":\"a\",\"args\":{\"x\":{\"instance\":{\"uuid\":\"\(uuid)\"}}}}") == nil)
        #expect(try instance("{\"method\":\"a\",\"args\":{\"instance\":{\"x\":{\"uuid\":\"\(uuid)\"}}}}") == nil)
        #expect(try instance("{\"method\":\"a\",\"args\":{\"instance\":{\"uuid\":\"../x\"}}}") == nil)
    }

    @Test("text limits hold to the byte, counted after escapes")
    func textLimits() throws {
        func method(_ text: String) -> String { "{\"method\":\"\(text)\"}" }
        #expect(throws: Never.self) { try scan(method(String(repeating: "m", count: 255))).get() }
        #expect(throws: Never.self) { try scan(method(String(repeating: "\\u006d", count: 255))).get() }
        #expect(throws: MalformedMessage.self) { try scan(method(String(repeating: "m", count: 256))).get() }
        #expect(throws: MalformedMessage.self) { try scan(method(String(repeating: "\\u006d", count: 256))).get() }
        #expect(throws: MalformedMessage.self) { try scan(method(String(repeating: "\\u00e9", count: 128))).get() }
        #expect(throws: MalformedMessage.self) { try scan(method(String(repeating: "m", count: 1_000_000))).get() }
    }

    @Test("nesting and numbers of values are limited in the envelope and in the message", arguments: [false, true])
    func limits(isEnveloped: Bool) {
        func scan(_ value: String, _ limits: JSONLimits = JSONLimits()) -> Result<MessageSummary, MalformedMessage> {
            let text = "{\"method\":\"a\",\"args\":{\"x\":\(value)}}"
            return MessageScanner(limits: limits).scan(Array((isEnveloped ? envelope(text) : text).utf8))
        }
        func nested(_ depth: Int) -> String {
            String(repeating: "[", count: depth) + String(repeating: "]", count: depth)
        }
        #expect(throws: Never.self) { try scan(nested(62)).get() }
        #expect(throws: MalformedMessage.self) { try scan(nested(63)).get() }
        #expect(throws: MalformedMessage.self) { try scan(nested(10_000)).get() }
        #expect(throws: MalformedMessage.self) { try scan(String(repeating: "{\"a\":", count: 10_000)).get() }
        let few = JSONLimits(values: 10)
        #expect(throws: Never.self) { try scan("[1,2,3,4,5,6]", few).get() }
        #expect(throws: MalformedMessage.self) { try scan("[1,2,3,4,5,6,7]", few).get() }
    }

    @Test("an error quotes nothing of the message")
    func discreet() throws {
        for text in ["{\"admin_password\":\"hunter2\"", "{\"method\":\"a\",\"args\":\"hunter2\"}", "hunter2"] {
            let fault = try #require(throws: MalformedMessage.self) { try scan(text).get() }
            #expect(!fault.description.contains("hunter2"))
        }
    }
}
