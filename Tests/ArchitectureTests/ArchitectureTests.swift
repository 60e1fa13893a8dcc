// SPDX-License-Identifier: Apache-2.0

import Foundation
import Testing

/// Holds the manifest and the sources against the plan of the house: arrows point down, and C stays in its room.
@Suite(.timeLimit(.minutes(3)))
struct ArchitectureTests {
    /// Who may import whom among the rooms; what is not listed may import no room.
    static let arrows: [String: Set<String>] = [
        "AMQP": ["CRabbitMQ"],
        "Libvirt": ["CLibvirt"],
        "XML": ["CLibXML2"],
        "OsloMessaging": ["AMQP", "ComputeModel"],
        "ComputeDriver": ["ComputeModel"],
        "FakeDriver": ["ComputeDriver", "ComputeModel"],
        "LibvirtDriver": ["ComputeDriver", "ComputeModel", "Libvirt", "XML"],
        "WorkerStore": ["ComputeModel"],
        "ImageService": ["ComputeModel"],
        "ComputeManager": ["ComputeDriver", "ComputeModel", "ImageService", "WorkerStore"],
        "ComputeService": [
            "AMQP", "ComputeDriver", "ComputeManager", "ComputeModel", "FakeDriver", "ImageService", "LibvirtDriver",
            "OsloMessaging", "WorkerStore",
        ],
        "Simulator": [
            "AMQP", "ComputeDriver", "ComputeManager", "ComputeModel", "ComputeService", "FakeDriver", "ImageService",
            "OsloMessaging", "SimulatedDisk", "WorkerStore",
        ],
        "simulate": ["Simulator"],
        "compute-worker": ["ComputeService"],
        "SimulatedDisk": ["CSimulatedDisk"],
        "DriverConformance": ["ComputeDriver", "ComputeModel"],
    ]

    static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()

    @Test("The manifest has no arrow that the plan does not have")
    func manifestFollowsThePlan() throws {
        let manifest = try Self.manifest()
        let rooms = Set(manifest.targets.filter { $0.type != "test" }.map(\.name))
        for target in manifest.targets where target.type == "regular" || target.type == "executable" {
            let used = Set(target.dependencies.compactMap(\.name)).intersection(rooms)
            let allowed = Self.arrows[target.name] ?? []
            #expect(used.isSubset(of: allowed), "\(target.name) imports \(used.subtracting(allowed).sorted())")
        }
        #expect(Set(Self.arrows.keys).isSubset(of: rooms), "the plan names a room that is gone")
    }

    @Test("A source imports only what its target declares, and the C modules only their bindings")
    func sourcesFollowTheManifest() throws {
        let manifest = try Self.manifest()
        let rooms = Set(manifest.targets.map(\.name))
        var checked = 0
        for target in manifest.targets where target.type != "system-target" && target.type != "system" {
            let declared = Set(target.dependencies.compactMap(\.name))
            let folder = Self.root.appending(path: target.type == "test" ? "Tests" : "Sources")
                .appending(path: target.name)
            for file in try Self.swiftFiles(in: folder) {
                let undeclared = try Self.imports(of: file).intersection(rooms).subtracting(declared)
                #expect(undeclared.isEmpty, "\(file.lastPathComponent) imports \(undeclared.sorted())")
                checked += 1
            }
        }
        #expect(checked > 50)
    }

    @Test("Every target is in Swift 6 mode, takes no warning, and imports no wider than it must")
    func settingsAreTheHouses() throws {
        let manifest = try Self.manifest()
        let house: Set<Manifest.Setting> = [
            .init(name: "swiftLanguageMode", value: "6"), .init(name: "treatAllWarnings", value: "error"),
            .init(name: "enableUpcomingFeature", value: "ExistentialAny"),
            .init(name: "enableUpcomingFeature", value: "MemberImportVisibility"),
            .init(name: "enableUpcomingFeature", value: "InternalImportsByDefault"),
        ]
        var checked = 0
        for target in manifest.targets where target.type != "system" {
            let settings = Set(target.settings.filter { $0.name != "linkedLibrary" })
            #expect(settings == house, "\(target.name)")
            checked += 1
        }
        #expect(checked > 25)
    }

    @Test(
        "An import is read in each of its spellings",
        arguments: [
            ("import AMQP", "AMQP"), ("  public import AMQP", "AMQP"), ("@testable import AMQP", "AMQP"),
            ("@_exported import AMQP", "AMQP"), ("@preconcurrency internal import AMQP // why", "AMQP"),
            ("import struct AMQP.Delivery", "AMQP"), ("private import func AMQP.bytes;", "AMQP"),
            ("@_exported public import enum AMQP.Declaration", "AMQP"), ("import AMQP.Inner", "AMQP"),
            ("@_spi(Inner) import AMQP", "AMQP"), ("// import AMQP", nil),
            ("let text = \"import AMQP\"", nil), ("important(AMQP)", nil), ("import compute_worker", "compute-worker"),
        ] as [(String, String?)])
    func importsAreRead(line: String, module: String?) {
        #expect(Self.importedModule(Substring(line)) == module)
    }

    @Test("Every file says under which licence it stands and can be read in one sitting")
    func filesAreSmall() throws {
        for file in try Self.swiftFiles(in: Self.root.appending(path: "Sources")) {
            let text = try String(contentsOf: file, encoding: .utf8)
            let lines = text.split(separator: "\n", omittingEmptySubsequences: false).count
            #expect(lines <= 400, "\(file.lastPathComponent) has \(lines) lines")
            #expect(text.hasPrefix("// SPDX-License-Identifier: Apache-2.0"), "\(file.lastPathComponent)")
        }
    }

    // MARK: - Reading

    private struct Manifest: Decodable {
        struct Target: Decodable {
            let name: String
            let type: String
            let dependencies: [Dependency]
            let settings: [Setting]
        }

        /// A build setting by its name and its one value, as `{"kind": {"swiftLanguageMode": {"_0": "6"}}}` says them.
        struct Setting: Decodable, Hashable {
            let name: String
            let value: String
            /// Held where the setting is bound to a platform or a configuration, and so does not always hold.
            let condition: String?

            private enum Keys: String, CodingKey { case kind, condition }

            init(name: String, value: String) {
                self.name = name
                self.value = value
                condition = nil
            }

            init(from decoder: any Decoder) throws {
                let container = try decoder.container(keyedBy: Keys.self)
                condition = container.contains(.condition) ? "conditional" : nil
                let kind = try container.decode([String: [String: String]].self, forKey: .kind)
                name = kind.keys.sorted().joined(separator: ",")
                value = kind.values.flatMap(\.values).joined(separator: ",")
            }
        }

        struct Dependency: Decodable {
            let name: String?

            private enum Keys: String, CodingKey { case byName, target, product }

            init(from decoder: any Decoder) throws {
                let container = try decoder.container(keyedBy: Keys.self)
                let key: Keys = container.contains(.byName) ? .byName : container.contains(.target) ? .target : .product
                var list = try container.nestedUnkeyedContainer(forKey: key)
                name = try list.decode(String.self)
            }
        }

        let targets: [Target]
    }

    /// The manifest as the package manager reads it. A scratch path of its own, because the build that runs this test
    /// holds the lock of the usual one.
    private static func manifest() throws -> Manifest {
        let scratch = FileManager.default.temporaryDirectory.appending(path: "manifest-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: scratch) }
        let process = Process()
        process.executableURL = try swift()
        process.arguments = [
            "package", "--package-path", root.path(), "--scratch-path", scratch.path(), "dump-package",
        ]
        let output = Pipe()
        process.standardOutput = output
        process.standardError = FileHandle.nullDevice
        try process.run()
        let data = try output.fileHandleForReading.readToEnd() ?? Data()
        process.waitUntilExit()
        try #require(process.terminationStatus == 0, "dump-package failed")
        return try JSONDecoder().decode(Manifest.self, from: data)
    }

    /// The toolchain's `swift`: SWIFT if set, else the first in PATH that says it is a Swift compiler.
    private static func swift() throws -> URL {
        let environment = ProcessInfo.processInfo.environment
        let candidates =
            [environment["SWIFT"]].compactMap { $0 }
            + (environment["PATH"] ?? "").split(separator: ":").map { "\($0)/swift" }
        for candidate in candidates where FileManager.default.isExecutableFile(atPath: candidate) {
            let process = Process()
            process.executableURL = URL(filePath: candidate)
            process.arguments = ["--version"]
            let output = Pipe()
            process.standardOutput = output
            process.standardError = FileHandle.nullDevice
            try process.run()
            let data = try output.fileHandleForReading.readToEnd() ?? Data()
            process.waitUntilExit()
            if String(decoding: data, as: UTF8.self).contains("Swift version") { return URL(filePath: candidate) }
        }
        throw CocoaError(.fileNoSuchFile)
    }

    private static func swiftFiles(in folder: URL) throws -> [URL] {
        let enumerator = try #require(FileManager.default.enumerator(at: folder, includingPropertiesForKeys: nil))
        return enumerator.compactMap { $0 as? URL }.filter { $0.pathExtension == "swift" }
    }

    private static func imports(of file: URL) throws -> Set<String> {
        let text = try String(contentsOf: file, encoding: .utf8)
        return Set(text.split(separator: "\n").compactMap(importedModule))
    }

    /// The module that a line imports, of whatever kind the import is (`@_exported public import struct X.Y`).
    private static func importedModule(_ line: Substring) -> String? {
        var words = line.split { $0 == " " || $0 == "\t" || $0 == ";" }[...]
        while let word = words.first, isModifier(word) { words.removeFirst() }
        guard words.popFirst() == "import" else { return nil }
        if let word = words.first, kinds.contains(String(word)) { words.removeFirst() }
        return words.first?.split(separator: ".").first.map {
            String($0).replacing("compute_worker", with: "compute-worker")
        }
    }

    private static let kinds: Set<String> = [
        "struct", "class", "enum", "protocol", "typealias", "func", "let", "var",
    ]

    private static func isModifier(_ word: Substring) -> Bool {
        word.hasPrefix("@") || ["public", "package", "internal", "private", "fileprivate"].contains(word)
    }
}
