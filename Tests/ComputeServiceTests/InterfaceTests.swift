// SPDX-License-Identifier: Apache-2.0

@testable import ComputeManager
import ComputeModel
@testable import ComputeService
import Foundation
import OsloMessaging
import Testing

/// One table says what the worker serves; decoders, schemas and docs say the same.
@Suite("The table of methods, the decoders, the schemas and the page in docs agree")
struct InterfaceTests {
    private static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()

    private static func schema(_ folder: String, _ method: String) throws -> JSONValue {
        let file = root.appending(path: "schemas/\(folder)/\(method).json")
        return try JSONParser.parse(try String(contentsOf: file, encoding: .utf8))
    }

    /// The arguments of one request of each method, recorded or made up.
    private static let examples: [String: JSONObject] = {
        var found: [String: JSONObject] = [:]
        func take(_ body: String) {
            guard let request = try? MessageDecoder().decode(Array(body.utf8)), request.version.hasPrefix("2.") else {
                return
            }
            // The one that says most.
            if request.arguments.count > found[request.method]?.count ?? -1 {
                found[request.method] = request.arguments
            }
        }
        let lines = try? String(contentsOf: root.appending(path: "schemas/examples.jsonl"), encoding: .utf8)
        for line in lines?.split(separator: "\n") ?? [] {
            if let body = (try? JSONParser.parse(String(line)))?["body"]?.string { take(body) }
        }
        let golden = root.appending(path: "Tests/Golden")
        for file in (try? FileManager.default.contentsOfDirectory(atPath: golden.path)) ?? [] {
            let text = try? String(contentsOf: golden.appending(path: file), encoding: .utf8)
            for frame in text.flatMap({ try? JSONParser.parse($0) })?["frames"]?.array ?? [] {
                if let body = frame["body_raw"]?.string { take(body) }
            }
        }
        return found
    }()

    @Test("A decoder reads the parameters that its binding declares, no others", arguments: FolsomDialect.table.methods)
    func parameters(_ method: WireMethod) throws {
        let declared = Set(method.parameters.map(\.name))
        #expect(declared.count == method.parameters.count)
        let arguments = declared.isEmpty ? JSONObject() : try #require(Self.examples[method.method], "\(method.method)")
        #expect(try FolsomDialect.table.argumentNames(method.method, arguments) == declared, "\(method.method)")
    }

    @Test("A method's schema has its parameters, with those required that are", arguments: FolsomDialect.table.methods)
    func schemas(_ method: WireMethod) throws {
        let schema = try Self.schema("arguments", method.method)
        #expect(Set(schema["properties"]?.object?.keys ?? []) == Set(method.parameters.map(\.name)), "\(method.method)")
        let required = Set((schema["required"]?.array ?? []).compactMap(\.string))
        #expect(required == Set(method.parameters.filter(\.isRequired).map(\.name)), "\(method.method)")
        #expect(try Self.schema("results", method.method)["title"]?.string?.hasPrefix(method.method) == true)
    }

    @Test("A required argument that is missing or null is refused", arguments: FolsomDialect.table.methods)
    func missing(_ method: WireMethod) throws {
        for parameter in method.parameters where parameter.isRequired {
            let complete = try #require(Self.examples[method.method], "\(method.method)")
            for value in [nil, JSONValue.null] {
                var arguments = complete
                arguments[parameter.name] = value
                #expect(throws: ComputeFault.self, "\(method.method) \(parameter.name)") {
                    _ = try FolsomDialect.table.argumentNames(method.method, arguments)
                }
            }
        }
    }

    @Test("What is secret is masked in the error event", arguments: FolsomDialect.table.methods)
    func secrets(_ method: WireMethod) {
        for parameter in method.parameters where parameter.isSecret {
            #expect(SecretMask.masked([parameter.name: "seen"]) == [parameter.name: "***"], "\(parameter.name)")
        }
    }

    @Test("Every event that a method tells has a schema", arguments: FolsomDialect.table.methods)
    func events(_ method: WireMethod) throws {
        for event in method.events {
            var name = "compute.instance.\(event)"
            for suffix in [".start", ".end"] where name.hasSuffix(suffix) { name.removeLast(suffix.count) }
            _ = try Self.schema("payloads", name)
        }
    }

    @Test("The page in docs is the table's: compute-worker api --format markdown > docs/API.md")
    func page() throws {
        let page = try String(contentsOf: Self.root.appending(path: "docs/API.md"), encoding: .utf8)
        #expect(page == Program.methods.markdown)
    }
}

/// What a binding's decoder asks for.
private protocol ArgumentNaming {
    func names(in arguments: JSONObject) throws -> Set<String>
}

extension Binding: ArgumentNaming {
    func names(in arguments: JSONObject) throws -> Set<String> {
        try ArgumentReader.reading(method, arguments, decode).names
    }
}

extension DialectTable {
    fileprivate func argumentNames(_ method: String, _ arguments: JSONObject) throws -> Set<String> {
        try #require(bindings.first { $0.method == method } as? any ArgumentNaming, "\(method)").names(in: arguments)
    }
}
