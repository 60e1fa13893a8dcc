// SPDX-License-Identifier: Apache-2.0

import ComputeModel
import OsloMessaging
import Testing

@Suite("Answers have the form that their caller reads")
struct ReplyTests {
    private let encoder = ReplyEncoder()
    private let folsom = ReplyAddress.messageID("d8d92097fad1417bb93d77e182d05a6e")
    private let today = ReplyAddress.replyQueue(
        name: "reply_5ed10e28cd124e12b92a8b202c51fd37", messageID: "13ae98b6b12f4ce99603e094a4d63c01", heartbeat: nil)

    private func content(_ message: EncodedMessage) throws -> JSONObject {
        try Golden.Message(file: "", role: "", exchange: "", routingKey: "", body: message.body).content()
    }

    private func failure(in frame: JSONObject) throws -> JSONObject {
        let text = try #require(frame["failure"]?.string)
        return try #require(try JSONParser.parse(text).object)
    }

    @Test("a success is what Folsom's nova-compute sends: two frames")
    func folsomSuccess() throws {
        let recorded = try Golden.messages("f08-get_console_output-call-and-reply").filter { $0.role == "reply" }
        let result = try #require(try recorded[0].content()["result"])
        let frames = encoder.success(result, to: folsom)
        #expect(frames.count == 2)
        for (frame, golden) in zip(frames, recorded) {
            #expect(try content(frame) == golden.content())
            #expect(frame.exchange == golden.exchange)
            #expect(frame.routingKey == golden.routingKey)
            #expect(frame.isMandatory, "a caller that is gone is to be known")
        }
    }

    @Test(
        "a success is what oslo.messaging's server sends: one enveloped frame",
        arguments: ["hello", nil] as [JSONValue])
    func todaysSuccess(result: JSONValue) throws {
        let golden = try #require(
            try Golden.messages("m08-server-reply-success-and-none").first {
                try $0.role.contains("reply") && $0.content()["result"] == result
            })
        let messageID = try #require(try golden.content()["_msg_id"]?.string)
        let frames = encoder.success(
            result, to: .replyQueue(name: golden.routingKey, messageID: messageID, heartbeat: nil))
        #expect(frames.count == 1)
        var frame = try content(frames[0])
        #expect(frame["_unique_id"]?.string?.utf8.count == 32)
        frame["_unique_id"] = try golden.content()["_unique_id"]
        #expect(try frame == golden.content())
        #expect(frames[0].exchange == "")
        #expect(frames[0].routingKey == golden.routingKey)
        #expect(frames[0].isMandatory)
        #expect(try JSONParser.parse(frames[0].body)["oslo.version"] == "2.0")
    }

    @Test(
        "failures of dispatch are those of the real servers, but for the traceback",
        arguments: [
            ("f09-failure-unknown-method", ComputeFault(.noSuchMethod, "?", arguments: ["method": "no_such_method"])),
            ("f10-failure-unsupported-version", RPCVersion(2, 2).fault(for: "3.0", method: "get_host_uptime")),
            ("m09-server-reply-no-such-method", ComputeFault(.noSuchMethod, "?", arguments: ["method": "nosuch"])),
        ])
    func dispatchFailures(file: String, fault: ComputeFault?) throws {
        let golden = try #require(try Golden.messages(file).first { $0.role.hasPrefix("reply") })
        let expected = try golden.content()
        let address =
            try golden.isEnveloped
            ? ReplyAddress.replyQueue(
                name: golden.routingKey, messageID: #require(expected["_msg_id"]?.string), heartbeat: nil)
            : .messageID(golden.routingKey)
        let frames = encoder.failure(try #require(fault), to: address)
        #expect(frames.count == 1)
        var frame = try content(frames[0])
        #expect(Set(frame.keys) == Set(expected.keys))
        var failure = try self.failure(in: frame)
        let expectedFailure = try self.failure(in: expected)
        #expect(failure["tb"]?.array?.allSatisfy { $0.string?.hasSuffix("\n") == true } == true)
        failure["tb"] = expectedFailure["tb"]
        #expect(failure == expectedFailure)
        frame["failure"] = expected["failure"]
        if golden.isEnveloped { frame["_unique_id"] = expected["_unique_id"] }
        #expect(frame == expected)
        #expect(frames[0].exchange == golden.exchange)
    }

    @Test("a missing instance is the exception that nova's client re-raises")
    func instanceNotFound() throws {
        let golden = try #require(try Golden.messages("m05-call-failure-nova-exception").last).content()
        let expected = try JSONParser.parse(#require(golden["failure"]?.string))
        let id = try #require(InstanceID("f53be0a8-2c05-413b-b16b-7b044ffa6469"))
        for form in [WireForm.flat, .enveloped] {
            let exception = RemoteException(.instanceNotFound(id), for: form)
            #expect(exception.name == expected["class"]?.string)
            #expect(exception.module == expected["module"]?.string)
            #expect(exception.keywords == ["instance_id": .string(id.description), "code": 404])
            #expect(exception.arguments == [.string(exception.message)])
            #expect(exception.message == "Instance \(id) could not be found.")
        }
    }

    @Test(
        "every kind of fault is an exception of its era, and is read back as itself",
        arguments: ComputeFault.Kind.allCases)
    func bothWays(kind: ComputeFault.Kind) throws {
        let id = try #require(InstanceID("f53be0a8-2c05-413b-b16b-7b044ffa6469"))
        for form in [WireForm.flat, .enveloped] {
            let fault = ComputeFault(kind, "It went wrong.", instance: id)
            let sent = RemoteException(fault, for: form)
            let frame = encoder.failure(fault, to: form == .flat ? folsom : today)[0]
            let received = try #require(try ReplyFrame(frame.body).failure)
            #expect(received == sent)
            #expect(received.fault.kind == kind)
            #expect(received.fault.message == sent.message)
            // Python's own classes take no keyword argument, and a caller would fall back to RemoteError.
            if ["exceptions", "builtins"].contains(sent.module) { #expect(sent.keywords.isEmpty) }
            if sent.module == "nova.exception" { #expect(sent.keywords["code"]?.int != nil) }
            #expect(sent.module != (form == .flat ? "builtins" : "exceptions"))
        }
    }

    @Test("values of the fault fill the exception's keywords")
    func keywords() {
        let fault = ComputeFault(
            .unexpectedTaskState, "unexpected task state", arguments: ["expected": ["deleting"], "actual": nil])
        let exception = RemoteException(fault, for: .flat)
        #expect(exception.keywords == ["expected": ["deleting"], "actual": nil, "code": 500])
        let power = ComputeFault(.instancePowerFailure, "no", arguments: ["power": "on"])
        #expect(RemoteException(power, for: .enveloped).name == "InstancePowerOnFailure")
    }

    @Test(
        "a version that is no version is Python's complaint about it",
        arguments: [
            ("abc", "ValueError", "invalid literal for int() with base 10: 'abc'"),
            ("2", "IndexError", "list index out of range"),
            ("2.x", "ValueError", "invalid literal for int() with base 10: 'x'"),
        ])
    func unparsableVersion(version: String, name: String, message: String) throws {
        let noted = try #require(RPCVersion(2, 2).fault(for: version, method: "m"))
        let bare = ComputeFault(.unsupportedVersion, "?", arguments: ["version": .string(version)])
        for fault in [noted, bare] { try check(fault, name, message) }
        let other = ComputeFault(.unsupportedVersion, "?", arguments: ["version": "3.0"])
        #expect(RemoteException(other, for: .flat).name == "UnsupportedRpcVersion")
    }

    private func check(_ fault: ComputeFault, _ name: String, _ message: String) throws {
        for (form, module) in [(WireForm.flat, "exceptions"), (.enveloped, "builtins")] {
            let exception = RemoteException(fault, for: form)
            #expect(exception.name == name)
            #expect(exception.module == module)
            #expect(exception.message == message)
        }
    }

    @Test("a heartbeat goes to who asked for one, every half of its time-out")
    func heartbeats() throws {
        func address(_ seconds: Int?) -> ReplyAddress {
            .replyQueue(name: "reply_5ed10e28cd124e12b92a8b202c51fd37", messageID: "a", heartbeat: seconds)
        }
        #expect(encoder.heartbeat(to: folsom) == nil)
        #expect(encoder.heartbeat(to: address(nil)) == nil)
        #expect(encoder.heartbeat(to: address(1)) == nil)
        #expect(address(5).heartbeatInterval == 2)
        for nonsense in [Int.min, -1, 0, 86_401, Int.max] {
            #expect(address(nonsense).heartbeatInterval == nil)
            #expect(encoder.heartbeat(to: address(nonsense)) == nil)
        }
        let frame = try content(try #require(encoder.heartbeat(to: address(2))))
        #expect(frame["ending"] == false)
        #expect(frame["result"] == .null)
        #expect(frame["failure"] == .null)
        #expect(frame["_msg_id"] == "a")
    }

    @Test("recorded replies are read", arguments: try Golden.replies())
    func recorded(message: Golden.Message) throws {
        let frame = try ReplyFrame(message.body)
        let content = try message.content()
        #expect(frame.result == content["result"])
        #expect((frame.failure == nil) == (content["failure"] == .null))
        #expect(frame.isEnding == (content["ending"]?.bool ?? (content["failure"] != .null)))
        #expect(frame.messageID == content["_msg_id"]?.string)
    }

    @Test("an exception of a class that we don't know keeps its name")
    func unknownClass() throws {
        let body = Array(
            JSONWriter.text([
                "result": nil,
                "failure": .string(
                    JSONWriter.text([
                        "class": "Timeout", "module": "nova.rpc", "message": "late", "tb": [], "kwargs": [:],
                    ])),
            ]).utf8)
        let failure = try #require(try ReplyFrame(body).failure)
        #expect(failure.fault.kind == .internalError)
        #expect(failure.fault.message == "Timeout: late")
    }
}
