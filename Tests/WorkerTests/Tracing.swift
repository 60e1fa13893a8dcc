// SPDX-License-Identifier: Apache-2.0

import ComputeModel
import Foundation
import TestSupport
import Testing

/// What is published in a test's virtual host, caught by the broker's own tracing.
struct Tracing {
    private static let queue = "seen.all"
    private let bench: Bench
    private let probe: Probe

    private init(_ bench: Bench, _ probe: Probe) {
        self.bench = bench
        self.probe = probe
    }

    /// Catches everything from now on.
    static func begin(_ bench: Bench, _ probe: Probe) async throws -> Tracing {
        try await bench.servers.broker.control("trace_on", "-p", bench.virtualHost)
        try await probe.collect(queue, bindings: [("amq.rabbitmq.trace", "topic", "publish.#")])
        return Tracing(bench, probe)
    }

    /// What the worker published, as records of the validator.
    func published(atLeast count: Int) async throws -> [JSONValue] {
        try await probe.messages(Self.queue, atLeast: count, settle: 1).compactMap(Self.record)
    }

    /// Holds all that the worker published against the schemas, with the events that a witness must have seen.
    func hold(
        atLeast count: Int, by witness: EventWitness? = nil, sourceLocation: SourceLocation = #_sourceLocation
    ) async throws {
        let records = try await published(atLeast: count)
        try await bench.validate(records, sourceLocation: sourceLocation)
        guard let witness else { return }
        let unseen = Set(witness.events).subtracting(try records.compactMap(Self.eventType))
        #expect(unseen.isEmpty, "not told: \(unseen.sorted())", sourceLocation: sourceLocation)
    }

    private static func eventType(_ record: JSONValue) throws -> String? {
        guard let body = record["body"]?.string, record["routing_key"]?.string?.hasPrefix("notifications.") == true
        else { return nil }
        let message = try JSONParser.parse(body)
        guard let inner = message["oslo.message"]?.string else { return message["event_type"]?.string }
        return try JSONParser.parse(inner)["event_type"]?.string
    }

    private static func record(_ traced: Probe.Message) -> JSONValue? {
        guard let key = traced.headers["routing_keys"]?.array?.first?.string else { return nil }
        // What others send to it.
        if key.hasPrefix("compute"), !key.hasSuffix(".dead") { return nil }
        return [
            "body": .string(traced.body), "routing_key": .string(key),
            "headers": traced.headers["properties"]?["headers"] ?? [:],
        ]
    }
}

extension Bench {
    /// Holds records against the schemas.
    ///
    /// - Returns: what the validator says.
    @discardableResult
    func validate(_ records: [JSONValue], sourceLocation: SourceLocation = #_sourceLocation) async throws -> String {
        let file = directory.appending(path: "records.jsonl")
        let lines = records.map { JSONWriter.text($0) }.joined(separator: "\n")
        try Data((lines + "\n").utf8).write(to: file)
        let script = PythonClient.projectDirectory.appending(path: "scripts/validate-messages.py").path
        let verdict = try await ChildProcess.run(servers.python, [script, file.path], within: .seconds(120))
        #expect(verdict.end == .exited(0), "\(verdict.output)\n\(verdict.errors)", sourceLocation: sourceLocation)
        return verdict.output
    }
}
