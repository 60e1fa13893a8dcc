// SPDX-License-Identifier: Apache-2.0

@testable import ComputeManager
import ComputeModel
import Foundation
import OsloMessaging
import TestSupport
import Testing

/// At run time the typed decoders are the check, in the tests Python's jsonschema is: both get the same messages, each
/// with one required key removed or one value retyped, and must agree that it is wrong.
@Suite struct MutantTests {
    /// A changed message, as scripts/validate-messages.py writes it.
    private struct Mutant {
        let schema: String
        let key: String
        let change: String
        let body: [UInt8]

        /// What the list of exceptions calls it.
        var name: String { "\(schema) \(key) \(change)" }

        /// Nil for a message that the worker does not read: replies, notifications, dead letters.
        init?(_ line: String) throws {
            let value = try JSONParser.parse(line)
            let schema = try #require(value["schema"]?.string)
            let read = ["request-", "arguments/", "envelope.json", "common.json"]
            guard read.contains(where: { schema.hasPrefix($0) }) else { return nil }
            if schema.hasPrefix("arguments/") {
                let served = Set(FolsomDialect.table.methods.map { "arguments/\($0.method).json" })
                guard served.contains(schema) else { return nil }
            }
            self.schema = schema
            let path = try #require(value["path"]?.string)
            // The path's steps are joined by dots, and a key may hold one.
            let last = path.split(separator: ".").last.map(String.init) ?? path
            key = schema == "envelope.json" ? "oslo.\(last)" : last
            change = try #require(value["change"]?.string)
            body = Array(try #require(value["body"]?.string).utf8)
        }
    }

    /// What the schemas refuse and the worker takes all the same, each for its reason.
    private static let exceptions: [String: String] = [
        "arguments/get_host_uptime.json host retyped":
            "Folsom's own client leaves it out, and nothing reads it",
        "request-folsom.json _context_is_admin retyped": context,
        "request-folsom.json _context_request_id retyped": context,
        "request-folsom.json _context_roles retyped": context,
        "request-oslo.json _context_is_admin retyped": context,
        "request-oslo.json _context_request_id retyped": context,
        "request-oslo.json _context_roles retyped": context,
        "request-folsom.json _msg_id retyped": reply,
        "request-oslo.json _msg_id retyped": reply,
        "request-oslo.json _reply_q retyped": reply,
        "request-oslo.json _timeout retyped":
            "a caller that waits no sensible time gets no heartbeats; its call is done",
        "request-oslo.json _unique_id removed":
            "repeats are recognised by it, and a sender without it is served as Folsom's are",
        "request-oslo.json args removed":
            "read as none, as Folsom reads them; a method that wants some refuses by itself",
    ]
    private static let context = "the context is kept as it came, for events; nothing in it decides what is done"
    private static let reply = "a name that is never published to makes a cast of the call (docs/BAD-INPUT.md)"

    @Test("What the schemas refuse the decoders refuse, but for a list with reasons", .timeLimit(.minutes(2)))
    func agreement() async throws {
        let mutants = try await Self.mutants()
        #expect(mutants.count > 1000)
        for schema in ["envelope.json", "request-folsom.json", "request-oslo.json", "arguments/run_instance.json"] {
            #expect(mutants.contains { $0.schema == schema }, "\(schema)")
        }
        var taken: Set<String> = []
        var refused: Set<String> = []
        for mutant in mutants {
            if Self.isTaken(mutant.body) { taken.insert(mutant.name) } else { refused.insert(mutant.name) }
        }
        #expect(taken.subtracting(Self.exceptions.keys).sorted() == [], "taken, though the schemas refuse them")
        #expect(Set(Self.exceptions.keys).subtracting(taken).sorted() == [], "no exceptions any more")
        #expect(!refused.isEmpty)
    }

    @Test("The recorded messages that the mutants are made of are taken", .timeLimit(.minutes(2)))
    func originals() throws {
        let directory = PythonClient.projectDirectory.appending(path: "Tests/Golden")
        var taken = 0
        for file in try FileManager.default.contentsOfDirectory(atPath: directory.path).sorted() {
            guard file.hasSuffix(".json") else { continue }
            let frames = try JSONParser.parse(try String(contentsOf: directory.appending(path: file), encoding: .utf8))
            for frame in frames["frames"]?.array ?? [] {
                guard let body = frame["body_raw"]?.string else { continue }
                guard let request = try? MessageDecoder().decode(Array(body.utf8)), request.version.hasPrefix("2."),
                    FolsomDialect.table.methods.contains(where: { $0.method == request.method }),
                    request.arguments["instance"] != nil
                else { continue }
                #expect(Self.isTaken(Array(body.utf8)), "\(file): \(request.method)")
                taken += 1
            }
        }
        #expect(taken >= 15)
    }

    /// Whether scanner, decoder and, where the method is served, the reader of its arguments take a message.
    private static func isTaken(_ body: [UInt8]) -> Bool {
        guard case .success = MessageScanner().scan(body), let request = try? MessageDecoder().decode(body) else {
            return false
        }
        let table = FolsomDialect.table
        // A message of another version is refused for that; what is asked here is whether its arguments can be read.
        let served = RPCRequest(
            form: request.form, method: request.method, version: table.version.description,
            arguments: request.arguments, context: request.context)
        let binding: (any MethodBinding)? = (try? table.journaledBinding(served)) ?? (try? table.readBinding(served))
        guard let reader = binding as? any ArgumentsReading else {
            // Methods that are not served have no typed arguments but their instance.
            guard let fields = request.arguments["instance"] else { return false }
            return fields.object.map { (try? Instance(fields: $0)) != nil } ?? false
        }
        return (try? reader.readArguments(request.arguments)) != nil
    }

    private static func mutants() async throws -> [Mutant] {
        let file = FileManager.default.temporaryDirectory.appending(path: "mutants-\(UUID().uuidString).jsonl")
        defer { try? FileManager.default.removeItem(at: file) }
        let root = PythonClient.projectDirectory
        let run = try await ChildProcess.run(
            try await PythonClient.interpreter(),
            [
                root.appending(path: "scripts/validate-messages.py").path, "--golden", "--quiet", "--mutants-out",
                file.path, root.appending(path: "schemas/examples.jsonl").path,
            ], within: .seconds(90))
        try #require(run.end == .exited(0), "\(run.errors)")
        return try String(contentsOf: file, encoding: .utf8).split(separator: "\n").compactMap {
            try Mutant(String($0))
        }
    }
}

/// A binding's own reader of arguments, without what it would do with them.
private protocol ArgumentsReading {
    func readArguments(_ arguments: JSONObject) throws
}

extension Binding: ArgumentsReading {
    func readArguments(_ arguments: JSONObject) throws { _ = try ArgumentReader.read(method, arguments, decode) }
}
