// SPDX-License-Identifier: Apache-2.0

import AMQP
import ComputeModel
import OsloMessaging
import Testing

@Suite("Casts and calls cross a real broker", .timeLimit(.minutes(2)))
struct RPCTransportTests {
    @Test(
        "a cast reaches the topic, one server or all of them, in either form", arguments: [WireForm.flat, .enveloped])
    func casts(form: WireForm) async throws {
        let place = try await Place { $0.fanoutForm = form == .flat ? .folsom : .expiring }
        let (one, two, client) = (place.server("one"), place.server("two"), place.client(form))
        try await with(one, two, client) {
            try await one.states.ready()
            try await two.states.ready()
            func cast(_ method: String, _ target: RPCTarget) async throws {
                try await client.cast(
                    OutgoingRequest(method: method, version: "2.1", arguments: ["n": 1], context: .test), to: target,
                    isMandatory: true)
            }
            try await cast("to_one", .server(topic: place.topic, server: "one"))
            try await cast("to_all", .fanout(topic: place.topic))
            // Two for two: the broker deals them out in turn.
            try await cast("to_any", .any(topic: place.topic))
            try await cast("to_any", .any(topic: place.topic))
            let atOne = try await one.take(3)
            let atTwo = try await two.take(2)
            #expect(try atOne.map { try $0.scan.get().method } == ["to_one", "to_all", "to_any"])
            #expect(try atTwo.map { try $0.scan.get().method } == ["to_all", "to_any"])
            for message in atOne + atTwo {
                let request = try MessageDecoder().decode(message.body)
                #expect(request.form == form)
                #expect(request.version == "2.1")
                #expect(request.arguments == ["n": 1])
                #expect(request.context == .test)
                #expect(request.reply == nil)
                #expect((request.uniqueID != nil) == (form == .enveloped))
                #expect(message.size == message.body.count && !message.isRedelivered)
            }
            one.acknowledge(atOne.map(\.tag))
            two.acknowledge(atTwo.map(\.tag))
        }
    }

    @Test("a call brings back a value, nothing, or the exception", arguments: [WireForm.flat, .enveloped])
    func calls(form: WireForm) async throws {
        let place = try await Place()
        let (server, client, replies) = (place.server("one"), place.client(form), place.publisher())
        try await with(server, client, replies) {
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask {
                    try await server.serve(with: replies) { request in
                        switch request.method {
                        case "echo": .success(request.arguments["value"] ?? .null)
                        case "missing":
                            .failure(ComputeFault.instanceNotFound(InstanceID(bits: UniqueBits(high: 0, low: 7))))
                        default:
                            .failure(ComputeFault(.noSuchMethod, "?", arguments: ["method": .string(request.method)]))
                        }
                    }
                }
                try await server.states.ready()
                func call(_ method: String, _ value: JSONValue = nil) async throws(RPCError) -> JSONValue {
                    try await client.call(
                        OutgoingRequest(method: method, version: "2.0", arguments: ["value": value], context: .test),
                        to: .server(topic: place.topic, server: "one"), timeout: .seconds(30))
                }
                #expect(try await call("echo", ["a": [1, 2.5.json]]) == ["a": [1, 2.5.json]])
                #expect(try await call("echo", nil) == nil)
                for method in ["missing", "nosuch"] {
                    let error = try await #require(throws: RPCError.self) { try await call(method) }
                    guard case .remote(let exception) = error else {
                        Issue.record("\(error)")
                        continue
                    }
                    #expect(exception.fault.kind == (method == "missing" ? .instanceNotFound : .noSuchMethod))
                }
                group.cancelAll()
            }
        }
    }

    @Test("a call that nobody answers times out; a mandatory one that nobody takes says so")
    func noAnswer() async throws {
        let place = try await Place()
        let request = OutgoingRequest(method: "echo", version: "2.0", context: .test)
        for form in [WireForm.flat, .enveloped] {
            let client = place.client(form)
            try await with(client) {
                let error = try await #require(throws: RPCError.self) {
                    try await client.call(request, to: .any(topic: place.topic), timeout: .seconds(1))
                }
                guard case .timedOut(method: "echo", after: .seconds(1)) = error else {
                    Issue.record("\(error)")
                    return
                }
                let unroutable = try await #require(throws: RPCError.self) {
                    try await client.call(
                        request, to: .any(topic: place.topic), timeout: .seconds(30), isMandatory: true)
                }
                guard case .undelivered(.returned(code: 312, text: _)) = unroutable else {
                    Issue.record("\(unroutable)")
                    return
                }
            }
        }
    }

    @Test("heartbeats keep a call alive past its monitor's time-out; without them it is given up")
    func heartbeats() async throws {
        let place = try await Place()
        let (server, client, replies) = (place.server("one"), place.client(.enveloped), place.publisher())
        try await with(server, client, replies) {
            try await server.states.ready()
            try await withThrowingTaskGroup(of: Void.self) { group async throws -> Void in
                group.addTask {
                    let encoder = ReplyEncoder()
                    while let batch = await server.nextBatch() {
                        for message in batch {
                            server.acknowledge([message.tag])
                            let summary = try message.scan.get()
                            let reply = try #require(summary.reply)
                            guard summary.method == "slow" else { continue }
                            #expect(reply.heartbeatInterval == 1)
                            for _ in 0..<4 {
                                try await Task.sleep(for: .seconds(1))
                                try await replies.publish(try #require(encoder.heartbeat(to: reply)))
                            }
                            for frame in encoder.success("done", to: reply) { try await replies.publish(frame) }
                        }
                    }
                }
                func call(_ method: String) async throws(RPCError) -> JSONValue {
                    try await client.call(
                        OutgoingRequest(method: method, version: "2.0", context: .test), to: .any(topic: place.topic),
                        timeout: .seconds(60), monitorTimeout: 3)
                }
                let start = ContinuousClock.now
                let answer = try await call("slow")
                #expect(answer == "done")
                #expect(.now - start > .seconds(3))
                await #expect(throws: RPCError.self) { try await call("silent") }
                #expect(.now - start < .seconds(30))
                group.cancelAll()
            }
        }
    }

    @Test("what is not JSON by its properties or its size is not scanned as if it were")
    func properties() async throws {
        let place = try await Place()
        let server = place.server("one", maximumBodySize: 10_000)
        let raw = Publisher(configuration: place.configuration, logger: quiet)
        try await with(server, raw) {
            try await server.states.ready()
            func publish(_ body: String, _ change: (inout MessageProperties) -> Void = { _ in }) async throws {
                var properties = MessageProperties.json
                change(&properties)
                try await raw.publish(
                    OutboundMessage(
                        exchange: place.topology.options.controlExchange, routingKey: place.topic, mandatory: true,
                        properties: properties, body: Array(body.utf8)))
            }
            let good = "{\"method\":\"a\"}"
            try await publish(good) { $0 = MessageProperties() }
            try await publish(good) { $0.contentType = "application/x-python-serialize" }
            try await publish(good) { $0.contentEncoding = "binary" }
            try await publish(good) { $0.headers = ["compression": "application/x-gzip"] }
            try await publish(good + String(repeating: " ", count: 20_000))
            let messages = try await server.take(5)
            #expect(try messages[0].scan.get().method == "a")
            let reasons = messages.dropFirst().map { message in
                if case .failure(let fault) = message.scan { fault.reason } else { nil as MalformedMessage.Reason? }
            }
            #expect(reasons == [.contentType, .contentType, .contentType, .tooLarge])
            #expect(messages[4].size == good.utf8.count + 20_000)
            #expect(messages[4].body.count == 4096)
            server.acknowledge(messages.map(\.tag))
        }
    }

    @Test("what was not acknowledged comes back, and says so")
    func redelivery() async throws {
        let place = try await Place { $0.isAutoDelete = false }
        let (first, second, client) = (place.server("one"), place.server("one"), place.client(.enveloped))
        try await with(client) {
            try await with(first) {
                try await first.states.ready()
                try await client.cast(
                    OutgoingRequest(method: "a", version: "2.0", context: .test),
                    to: .server(topic: place.topic, server: "one"), isMandatory: true)
                #expect(try await first.take(1)[0].isRedelivered == false)
            }
            try await with(second) {
                let message = try await second.take(1)[0]
                #expect(message.isRedelivered)
                second.acknowledge([message.tag])
            }
        }
    }
}

extension Double {
    fileprivate var json: JSONValue { JSONNumber(self).map { .number($0) } ?? .null }
}
