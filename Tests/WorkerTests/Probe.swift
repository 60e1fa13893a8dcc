// SPDX-License-Identifier: Apache-2.0

import ComputeModel
import Foundation
import TestSupport
import Testing

/// The witness at the broker.
struct Probe: Sendable {
    let client: PythonClient

    /// What was collected from a queue.
    struct Message: Sendable {
        let exchange: String
        let key: String
        let headers: JSONValue
        let properties: JSONValue
        let size: Int
        let body: String
        /// Without the envelope; null if it is no JSON.
        let message: JSONValue

        init(_ value: JSONValue) {
            exchange = value["exchange"]?.string ?? ""
            key = value["key"]?.string ?? ""
            headers = value["headers"] ?? .null
            properties = value["properties"] ?? .null
            size = value["size"]?.int ?? 0
            body = value["body"]?.string ?? ""
            message = value["message"] ?? .null
        }

        var eventType: String { message["event_type"]?.string ?? "" }
        var eventID: String { message["message_id"]?.string ?? "" }
        var payload: JSONValue { message["payload"] ?? .null }
        var instance: String? { payload["instance_id"]?.string ?? payload["instance"]?["uuid"]?.string }
    }

    static let events = "seen.events"

    /// Collects the notifications of every priority from now on.
    func collectEvents(durable: Bool = false) async throws {
        try await collect(
            Self.events, bindings: ["info", "error", "warn"].map { ("nova", "topic", "notifications.\($0)") },
            durable: durable)
    }

    func collect(_ queue: String, bindings: [(exchange: String, type: String, key: String)], durable: Bool = false)
        async throws
    {
        let list = bindings.map { binding -> JSONValue in
            [
                "exchange": .string(binding.exchange), "type": .string(binding.type), "key": .string(binding.key),
                "durable": .bool(durable), "auto_delete": .bool(["fanout", "direct"].contains(binding.type)),
            ]
        }
        try await ask(["do": "collect", "queue": .string(queue), "durable": .bool(durable), "bindings": .array(list)])
    }

    /// Collects from a queue that is there.
    func collect(existing queue: String) async throws {
        try await ask(["do": "collect", "queue": .string(queue), "declare": false])
    }

    /// All that was collected, when there are so many; fails the test if they do not come.
    func messages(
        _ queue: String, atLeast count: Int, within seconds: Int = 60, settle: Double? = nil,
        sourceLocation: SourceLocation = #_sourceLocation
    ) async throws -> [Message] {
        var command: JSONObject = [
            "do": "wait", "queue": .string(queue), "count": JSONValue(count), "timeout": JSONValue(seconds),
        ]
        if let settle { command["settle"] = JSONValue(settle: settle) }
        let answer = try await ask(.object(command), within: .seconds(seconds + 60))
        let all = (answer["messages"]?.array ?? []).map(Message.init)
        try #require(
            answer["complete"] == true, "\(all.count) of \(count) messages came to \(queue)",
            sourceLocation: sourceLocation)
        return all
    }

    /// What had come by now.
    func collected(_ queue: String) async throws -> [Message] { try await messages(queue, atLeast: 0, within: 0) }

    /// The events of an instance, in the order of their coming, when all of these types have come.
    @discardableResult
    func events(
        of instance: String, until types: [String], counts: [String: Int] = [:], within seconds: Int = 60,
        settle: Double? = nil, sourceLocation: SourceLocation = #_sourceLocation
    ) async throws -> [Message] {
        let wanted = types.map { type -> JSONValue in
            ["type": .string(type), "instance": .string(instance), "count": JSONValue(counts[type] ?? 1)]
        }
        var command: JSONObject = [
            "do": "wait", "queue": .string(Self.events), "events": .array(wanted), "timeout": JSONValue(seconds),
        ]
        if let settle { command["settle"] = JSONValue(settle: settle) }
        let answer = try await ask(.object(command), within: .seconds(seconds + 60))
        let all = (answer["messages"]?.array ?? []).map(Message.init).filter { $0.instance == instance }
        try #require(
            answer["complete"] == true,
            "waited for \(types) of \(instance), saw \(all.map(\.eventType))", sourceLocation: sourceLocation)
        return all
    }

    @discardableResult
    func events(
        of instance: String, until type: String, within seconds: Int = 60,
        sourceLocation: SourceLocation = #_sourceLocation
    ) async throws -> [Message] {
        try await events(of: instance, until: [type], within: seconds, sourceLocation: sourceLocation)
    }

    func publish(_ text: String, to key: String, exchange: String = "", more: JSONObject = JSONObject()) async throws {
        var command: JSONObject = [
            "do": "publish", "exchange": .string(exchange), "key": .string(key), "text": .string(text),
        ]
        for member in more.members { command[member.key] = member.value }
        try await ask(.object(command))
    }

    /// How many messages wait; nil where there is no such queue.
    func depth(_ queue: String) async throws -> Int? {
        try await ask(["do": "depth", "queue": .string(queue)])["depth"]?.int
    }

    /// Returns when nobody consumes from a queue any more; the broker tells nobody of that.
    func unconsumed(_ queue: String, sourceLocation: SourceLocation = #_sourceLocation) async throws {
        let deadline = ContinuousClock.now + .seconds(20)
        while try await ask(["do": "depth", "queue": .string(queue)])["consumers"]?.int != 0 {
            try #require(.now < deadline, "\(queue) is still consumed", sourceLocation: sourceLocation)
        }
    }

    @discardableResult
    func ask(_ command: JSONValue, within limit: Duration = .seconds(90)) async throws -> JSONValue {
        let answer = try await client.ask(command, within: limit)
        try #require(answer["error"] == nil, "\(JSONWriter.text(answer))")
        return answer
    }
}

extension JSONValue {
    /// Seconds with a fraction, as tests give them.
    init(settle seconds: Double) { self = (try? JSONParser.parse("\(seconds)")) ?? 1 }
}

extension Sequence<Probe.Message> {
    /// The types without what all share, `compute.instance.`.
    var types: [String] {
        map { $0.eventType.hasPrefix("compute.instance.") ? String($0.eventType.dropFirst(17)) : $0.eventType }
    }

    /// Each event once, however often it was delivered.
    var distinct: [Probe.Message] {
        var seen: Set<String> = []
        return filter { seen.insert($0.eventID).inserted }
    }

    /// How many different events of a type there are.
    func count(of type: String) -> Int { distinct.filter { $0.eventType == type }.count }
}

/// A uuid that no other test has.
func newInstance() -> String { UUID().uuidString.lowercased() }
